// Tests of attaching over a port whose hosts die at every point, and of what is left of them.
import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { FakePort } from '../../testing/fake-port.js';
import { Agent, ReadOutputResponseSchema, WriteInputRequestSchema } from '../gen/agent_pb.js';
import { encodeRequest, encodeSuccess } from '../ttrpc/envelope.js';
import { connectClient, createClient, type Handlers, implement, serve } from '../ttrpc/index.js';
import { attachToGuest, listenForHosts } from './index.js';
import { encodeMark, markBytes, newToken, stuff } from './mark.js';

const MiB = 1024 * 1024;
const KiB = 1024;
const timeoutMs = 5000;

/** 1 MiB that holds the mark and beginnings of it here and there. */
const payload = Buffer.alloc(
  MiB,
  Buffer.concat([Buffer.alloc(777, 'x'), markBytes, markBytes.subarray(0, 3)]),
);

type AgentHandlers = Handlers<(typeof Agent)['method']>;

/** A guest that serves whoever attaches; `inputs` counts the bytes of each input that reached it. */
function startGuest(port: FakePort) {
  const inputs: number[] = [];
  const connections: Duplex[] = [];
  const handlers: Partial<AgentHandlers> = {
    writeInput: async ({ data }) => {
      inputs.push(data.length);
      assert.ok(payload.equals(data), 'a corrupted input reached the handler');
      return { offset: BigInt(data.length) };
    },
    readOutput: async () => ({ data: payload }),
    handshake: async ({ protocolVersion }) => ({ protocolVersion }),
  };
  const listener = listenForHosts(port.guest, (connection) => {
    connections.push(connection);
    serve(connection, [implement(Agent, handlers as AgentHandlers)]);
  });
  return { inputs, connections, listener };
}

async function attachAgent(end: Duplex) {
  const connection = connectClient(await attachToGuest(end, { timeoutMs }));
  return { agent: createClient(Agent, connection), connection };
}

const ticks = async (count = 5): Promise<void> => {
  for (let index = 0; index < count; index++) await new Promise((resolve) => setImmediate(resolve));
};

test('a host attaches and both directions work, with marks in the data', async () => {
  const port = new FakePort();
  const { inputs } = startGuest(port);
  const { agent, connection } = await attachAgent(port.connect());
  await agent.writeInput({ data: payload });
  assert.deepEqual(inputs, [MiB]);
  assert.ok(payload.equals((await agent.readOutput({})).data));
  connection.close();
});

test('hosts that die at every 1 KiB of a request of 1 MiB leave nothing to the next one', async () => {
  const port = new FakePort();
  const { inputs } = startGuest(port);
  const input = toBinary(
    WriteInputRequestSchema,
    create(WriteInputRequestSchema, { data: payload }),
  );
  const request = { service: Agent.typeName, method: 'WriteInput', payload: input, timeoutMs: 0 };
  const sent = stuff(encodeRequest(1, request));
  // The last cuts lack so few bytes that those of the next mark could complete the request.
  const cutsAt = [...Array(1024).keys()].map((index) => index * KiB);
  for (let missing = 30; missing > 0; missing--) cutsAt.push(sent.length - missing);
  for (const cut of cutsAt) {
    const dying = port.connect();
    dying.resume();
    dying.write(encodeMark(newToken()));
    dying.write(sent.subarray(0, cut));
    dying.destroy();
    const { agent, connection } = await attachAgent(port.connect());
    assert.equal((await agent.handshake({ protocolVersion: 7 })).protocolVersion, 7);
    connection.close();
  }
  assert.deepEqual(inputs, []);
});

test('hosts that die at every 1 KiB of an answer of 1 MiB leave nothing to the next one', async () => {
  const port = new FakePort();
  startGuest(port);
  const output = toBinary(
    ReadOutputResponseSchema,
    create(ReadOutputResponseSchema, { data: payload }),
  );
  const answerBytes = stuff(encodeSuccess(1, output)).length;
  for (let cut = 0; cut < answerBytes; cut += KiB) {
    const dying = port.connect({ takes: 25 + cut });
    const { agent, connection } = await attachAgent(dying);
    const read = agent.readOutput({});
    await ticks(2);
    connection.close();
    await assert.rejects(read, { code: 'unavailable' });
    // Every other time, some of what is left is lost on the way.
    if (cut % (2 * KiB) === 0) port.lose(cut % 1000);
    const next = await attachAgent(port.connect());
    assert.equal((await next.agent.handshake({ protocolVersion: 7 })).protocolVersion, 7);
    next.connection.close();
  }
});

test('two hosts in quick succession: the second gets the guest, the first gets nothing', async () => {
  const port = new FakePort();
  const { connections } = startGuest(port);
  const first = port.connect();
  const attempt = attachToGuest(first, { timeoutMs });
  first.destroy();
  await assert.rejects(attempt, { name: 'AttachError', code: 'closed' });
  const { agent, connection } = await attachAgent(port.connect());
  assert.equal((await agent.handshake({ protocolVersion: 1 })).protocolVersion, 1);
  await ticks();
  assert.deepEqual(
    connections.map(({ destroyed }) => destroyed),
    [true, false],
  );
  connection.close();
});

test('stale answers for other hosts and stale bytes before the own answer are ignored', async () => {
  const port = new FakePort();
  const host = port.connect();
  const attached = attachToGuest(host, { timeoutMs });
  const own = await new Promise<Buffer>((resolve) => port.guest.once('data', resolve));
  port.guest.write(Buffer.from('the tail of a frame'));
  port.guest.write(encodeMark(newToken()));
  port.guest.write(Buffer.concat([markBytes, Buffer.from('an interrupted sender')]));
  port.guest.write(own);
  port.guest.write(Buffer.from('data'));
  const connection = await attached;
  assert.equal(String(await new Promise((resolve) => connection.once('data', resolve))), 'data');
  // The answer to a repeated mark is ignored, another connection's mark is the end of this one.
  port.guest.write(own);
  await ticks();
  assert.equal(connection.destroyed, false);
  const failed = new Promise<Error>((resolve) => connection.once('error', resolve));
  port.guest.write(encodeMark(newToken()));
  assert.match((await failed).message, /another connection/);
  assert.equal(host.destroyed, true);
});

test('marks repeated while the guest boots give one connection', async () => {
  const port = new FakePort();
  const host = port.connect();
  const mark = encodeMark(newToken());
  for (let index = 0; index < 20; index++) host.write(mark);
  await ticks();
  const { connections } = startGuest(port);
  let received = Buffer.alloc(0);
  host.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  await ticks();
  assert.equal(connections.length, 1);
  assert.ok(received.length >= mark.length && received.length <= 3 * mark.length);
  assert.ok(received.subarray(0, mark.length).equals(mark));
});

test('a flood of marks that nobody reads the answers of piles up nothing', async () => {
  const port = new FakePort();
  const { connections } = startGuest(port);
  const host = port.connect({ takes: 0 });
  for (let index = 0; index < 10_000; index++) host.write(encodeMark(newToken()));
  while (host.writableLength > 0) await ticks(1);
  await ticks();
  assert.equal(connections.length, 10_000);
  assert.equal(connections.filter(({ destroyed }) => !destroyed).length, 1);
  assert.ok(port.guest.writableLength <= 100);
  host.destroy();
  const { agent, connection } = await attachAgent(port.connect());
  assert.equal((await agent.handshake({ protocolVersion: 3 })).protocolVersion, 3);
  connection.close();
});

test('a guest that never answers is given up at the deadline, one that floods garbage too', async () => {
  const silent = new FakePort();
  const end = silent.connect();
  silent.guest.resume();
  await assert.rejects(attachToGuest(end, { timeoutMs: 30 }), {
    code: 'timeout',
    message: 'no answer within 30 ms',
  });
  assert.equal(end.destroyed, true);

  const loud = new FakePort();
  loud.guest.resume();
  const chunk = Buffer.alloc(64 * KiB, markBytes);
  const flood = setInterval(() => {
    for (let index = 0; index < 16; index++) loud.guest.write(chunk);
  }, 1);
  after(() => clearInterval(flood));
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(attachToGuest(loud.connect(), { timeoutMs: 200 }), { code: 'timeout' });
  clearInterval(flood);
  assert.ok(process.memoryUsage().arrayBuffers - before < 32 * MiB);
});

test('an abort gives up with its reason, before or while waiting', async () => {
  const controller = new AbortController();
  const port = new FakePort();
  port.guest.resume();
  const attempt = attachToGuest(port.connect(), { timeoutMs, signal: controller.signal });
  controller.abort('enough');
  await assert.rejects(attempt, { code: 'aborted', cause: 'enough' });
  await assert.rejects(attachToGuest(port.connect(), { timeoutMs, signal: controller.signal }), {
    code: 'aborted',
  });
});

test('a channel that is gone, or goes with an error, is told', async () => {
  const port = new FakePort();
  const gone = port.connect();
  gone.destroy();
  await assert.rejects(attachToGuest(gone, { timeoutMs }), { code: 'closed' });
  const failing = port.connect();
  const attempt = attachToGuest(failing, { timeoutMs });
  const cause = new Error('ECONNRESET');
  failing.destroy(cause);
  await assert.rejects(attempt, { code: 'closed', cause });
});

test('the end of the channel ends the connection after what was received is read', async () => {
  const port = new FakePort();
  listenForHosts(port.guest, (connection) => connection.write('last words'));
  const host = port.connect();
  const connection = await attachToGuest(host, { timeoutMs });
  await ticks();
  host.push(null);
  let seen = '';
  for await (const chunk of connection) seen += String(chunk);
  assert.equal(seen, 'last words');
});

test('a destroyed connection is released on both sides and the guest hears the next host', async () => {
  const port = new FakePort();
  const { connections, listener } = startGuest(port);
  const host = port.connect();
  const connection = await attachToGuest(host, { timeoutMs });
  connection.destroy();
  await ticks();
  assert.equal(host.destroyed, true);
  // The guest's own server gives up a connection that breaks the protocol, unread bytes or not.
  connections[0]?.destroy();
  const next = await attachAgent(port.connect());
  assert.equal((await next.agent.handshake({ protocolVersion: 2 })).protocolVersion, 2);
  listener.close();
  assert.equal(port.guest.destroyed, true);
  next.connection.close();
});
