// Tests of client and server joined in memory: calls, errors, deadlines, cancellation, backpressure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { Agent, OutputStream, ReadOutputRequestSchema } from '../gen/agent_pb.js';
import { decodeResponse, encodeRequest } from './envelope.js';
import {
  type CallContext,
  connectClient,
  createClient,
  duplexPair,
  type Handlers,
  implement,
  RpcError,
  serve,
} from './index.js';

type AgentHandlers = Handlers<(typeof Agent)['method']>;

/** A served agent whose methods fail unless given, and a client of it. */
function connect(handlers: Partial<AgentHandlers>, maxConcurrentCalls = 64) {
  const [clientEnd, serverEnd] = duplexPair();
  const all = new Proxy(handlers, {
    get: (target, name) =>
      Reflect.get(target, name) ?? (async () => assert.fail(`${String(name)} was called`)),
  }) as AgentHandlers;
  const server = serve(serverEnd, [implement(Agent, all)], { maxConcurrentCalls });
  const connection = connectClient(clientEnd);
  return { server, connection, agent: createClient(Agent, connection), clientEnd, serverEnd };
}

const forever = (): Promise<never> => new Promise(() => {});

test('a call reaches its handler and its answer comes back', async () => {
  const { agent, connection } = connect({
    handshake: async (request) => ({
      protocolVersion: request.protocolVersion + 1,
      agentVersion: `for ${request.hostVersion}`,
      uptimeMs: 2n ** 63n,
    }),
  });
  const answer = await agent.handshake({ protocolVersion: 1, hostVersion: 'ü' });
  assert.equal(answer.protocolVersion, 2);
  assert.equal(answer.agentVersion, 'for ü');
  assert.equal(answer.uptimeMs, 2n ** 63n);
  connection.close();
});

test('empty messages are sent and answered', async () => {
  const { agent, connection } = connect({ release: async () => ({}) });
  assert.equal((await agent.release({})).$typeName, 'virtcontainers.agent.v1.ReleaseResponse');
  connection.close();
});

test('large answers are exact', async () => {
  const bytes = Buffer.alloc(64 * 1024, 'abc\0ÿ');
  const { agent, connection } = connect({ readOutput: async () => ({ data: bytes, end: true }) });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => agent.readOutput({ stream: OutputStream.STDOUT })),
  );
  for (const { data, end } of answers) {
    assert.ok(bytes.equals(data));
    assert.equal(end, true);
  }
  connection.close();
});

test('calls run at the same time and are answered in any order', async () => {
  const releases: (() => void)[] = [];
  const { agent, connection } = connect({
    wait: () => new Promise((resolve) => releases.push(() => resolve({ exitCode: 7 }))),
    signal: async () => ({}),
  });
  const waits = Promise.all([agent.wait({ containerId: 'a' }), agent.wait({ containerId: 'b' })]);
  await agent.signal({ signal: 9 });
  assert.equal(releases.length, 2);
  for (const release of releases.reverse()) release();
  assert.deepEqual(
    (await waits).map(({ exitCode }) => exitCode),
    [7, 7],
  );
  connection.close();
});

test('a handler’s RpcError arrives with code, message and details', async () => {
  const details = [{ typeUrl: 'type.googleapis.com/x', value: new Uint8Array([1, 2]) }];
  const { agent, connection } = connect({
    exec: async () => {
      throw new RpcError('failed-precondition', 'not running', { details });
    },
  });
  await assert.rejects(agent.exec({}), (error: RpcError) => {
    assert.ok(error instanceof RpcError);
    assert.deepEqual([error.code, error.message], ['failed-precondition', 'not running']);
    assert.equal(error.details[0]?.typeUrl, 'type.googleapis.com/x');
    assert.deepEqual([...(error.details[0]?.value ?? [])], [1, 2]);
    return true;
  });
  connection.close();
});

test('anything else that a handler throws is unknown, its message bounded', async () => {
  const { agent, connection } = connect({
    exec: async () => {
      throw new TypeError('x'.repeat(100_000));
    },
    // A handler that throws before it returns a promise.
    signal: () => {
      throw 'text';
    },
    // An answer that cannot be encoded.
    wait: async () => ({ exitCode: -1 }),
  });
  await assert.rejects(
    agent.exec({}),
    (error: RpcError) => error.code === 'unknown' && error.message.length === 2048,
  );
  await assert.rejects(agent.signal({}), { code: 'unknown', message: 'text' });
  await assert.rejects(agent.wait({}), { code: 'unknown' });
  connection.close();
});

test('details too long for an answer are left out', async () => {
  const details = [{ typeUrl: 'a', value: new Uint8Array(5_000_000) }];
  const { agent, connection } = connect({
    exec: async () => {
      throw new RpcError('not-found', 'gone', { details });
    },
  });
  await assert.rejects(
    agent.exec({}),
    (error: RpcError) => error.code === 'not-found' && error.details.length === 0,
  );
  connection.close();
});

test('an unknown method is unimplemented', async () => {
  const [clientEnd, serverEnd] = duplexPair();
  serve(serverEnd, []);
  const connection = connectClient(clientEnd);
  await assert.rejects(createClient(Agent, connection).exec({}), { code: 'unimplemented' });
  connection.close();
});

test('a request that cannot be encoded or is too long is refused here', async () => {
  const { agent, connection } = connect({});
  await assert.rejects(agent.signal({ signal: -1 }), { code: 'invalid-argument' });
  const specJson = new Uint8Array(4 * 1024 * 1024);
  await assert.rejects(agent.createContainer({ specJson }), { code: 'resource-exhausted' });
  connection.close();
});

test('an answer that is too long is an error of its call alone', async () => {
  const { agent, connection } = connect({
    readOutput: async () => ({ data: new Uint8Array(4 * 1024 * 1024) }),
    signal: async () => ({}),
  });
  await assert.rejects(agent.readOutput({}), { code: 'resource-exhausted' });
  await agent.signal({});
  connection.close();
});

test('a deadline is held by the caller though the peer is silent', async () => {
  const [clientEnd, serverEnd] = duplexPair();
  serverEnd.resume();
  const connection = connectClient(clientEnd);
  await assert.rejects(createClient(Agent, connection).wait({}, { timeoutMs: 20 }), {
    code: 'deadline-exceeded',
    message: 'no answer within 20 ms',
  });
  connection.close();
});

test('a deadline is held by the server: the signal fires and the call is answered once', async () => {
  let context: CallContext | undefined;
  const { connection, clientEnd, serverEnd } = connect({
    wait: (_request, given) => {
      context = given;
      return forever();
    },
  });
  // A caller that does not hold the deadline itself.
  clientEnd.removeAllListeners('data');
  serverEnd.emit('data', encodeRequest(1, requestOf('Wait', 20)));
  // A stream in memory does not keep the process alive as a socket does.
  const alive = setInterval(() => {}, 1000);
  const answer = await new Promise<Buffer>((resolve) => clientEnd.once('data', resolve));
  clearInterval(alive);
  assert.equal(decodeResponse(answer.subarray(10)).status?.code, 4);
  assert.equal(context?.signal.aborted, true);
  assert.match(String(context?.signal.reason), /not done within 20 ms/);
  connection.close();
});

test('an aborted call rejects with the reason, and its late answer disturbs nothing', async () => {
  const releases: (() => void)[] = [];
  const { agent, connection } = connect({
    wait: () => new Promise((resolve) => releases.push(() => resolve({ exitCode: 1 }))),
    signal: async () => ({}),
  });
  const controller = new AbortController();
  const wait = agent.wait({}, { signal: controller.signal });
  await agent.signal({});
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(wait, { code: 'cancelled', cause: reason });
  await assert.rejects(agent.wait({}, { signal: controller.signal }), { code: 'cancelled' });
  for (const release of releases) release();
  await agent.signal({});
  connection.close();
});

test('the end of the connection rejects every pending call and fires the handlers’ signals', async () => {
  let context: CallContext | undefined;
  const { agent, connection, server } = connect({
    wait: (_request, given) => {
      context = given;
      return forever();
    },
    signal: async () => ({}),
  });
  const waits = [agent.wait({}), agent.wait({ containerId: 'b' })];
  await agent.signal({});
  server.close();
  for (const wait of waits) await assert.rejects(wait, { code: 'unavailable' });
  assert.equal(context?.signal.aborted, true);
  assert.equal(await connection.closed, undefined);
  assert.equal(await server.closed, undefined);
  await assert.rejects(agent.signal({}), { code: 'unavailable' });
});

test('a stream’s error is the reason of the end', async () => {
  const { agent, connection, clientEnd } = connect({ wait: forever });
  const wait = agent.wait({});
  const failure = new Error('EPIPE');
  clientEnd.destroy(failure);
  await assert.rejects(wait, { code: 'unavailable', cause: failure, message: /EPIPE/ });
  assert.equal(await connection.closed, failure);
});

test('a connection over a stream that is already gone ends', async () => {
  const [clientEnd] = duplexPair();
  clientEnd.destroy();
  const connection = connectClient(clientEnd);
  await assert.rejects(createClient(Agent, connection).wait({}), { code: 'unavailable' });
  assert.equal(await connection.closed, undefined);
});

test('more calls than allowed are refused, and allowed again when others are done', async () => {
  const releases: (() => void)[] = [];
  const handlers = {
    wait: () =>
      new Promise<{ exitCode: number }>((resolve) => releases.push(() => resolve({ exitCode: 0 }))),
    signal: async () => ({}),
  };
  const { agent, connection } = connect(handlers, 2);
  const waits = [agent.wait({}), agent.wait({})];
  await assert.rejects(agent.signal({}), { code: 'resource-exhausted' });
  for (const release of releases) release();
  await Promise.all(waits);
  await agent.signal({});
  connection.close();
});

test('a caller that does not read is not read either', async () => {
  const [clientEnd, serverEnd] = duplexPair();
  let calls = 0;
  const data = new Uint8Array(64 * 1024);
  const methods = new Proxy({} as AgentHandlers, {
    get: () => async () => {
      calls++;
      return { data };
    },
  });
  serve(serverEnd, [implement(Agent, methods)]);
  // Requests so long that few lie in one chunk.
  const payload = toBinary(
    ReadOutputRequestSchema,
    create(ReadOutputRequestSchema, { containerId: 'x'.repeat(20_000) }),
  );
  const wanted = 300;
  for (let index = 0; index < wanted; index++) {
    clientEnd.write(encodeRequest(2 * index + 1, { ...requestOf('ReadOutput', 0), payload }));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(calls > 0 && calls < 30, `${calls} calls were answered into nothing`);
  let received = 0;
  clientEnd.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  const expected = wanted * (10 + 4 + 4 + data.length);
  while (received < expected) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(received, expected);
  clientEnd.destroy();
});

test('a caller’s requests wait for the stream, and an aborted one is never sent', async () => {
  const [clientEnd, serverEnd] = duplexPair();
  const connection = connectClient(clientEnd);
  const agent = createClient(Agent, connection);
  const controller = new AbortController();
  const data = new Uint8Array(100 * 1024);
  const calls = [1, 2, 3].map((offset) => agent.writeInput({ offset: BigInt(offset), data }));
  const aborted = agent.writeInput({ offset: 4n, data }, { signal: controller.signal });
  controller.abort();
  await assert.rejects(aborted, { code: 'cancelled' });
  const offsets: bigint[] = [];
  const methods = new Proxy({} as AgentHandlers, {
    get: () => async (request: { offset: bigint }) => {
      offsets.push(request.offset);
      return { offset: request.offset };
    },
  });
  serve(serverEnd, [implement(Agent, methods)]);
  await Promise.all(calls);
  assert.deepEqual(offsets, [1n, 2n, 3n]);
  connection.close();
});

function requestOf(method: string, timeoutMs: number) {
  return { service: Agent.typeName, method, payload: new Uint8Array(0), timeoutMs };
}
