// Tests of a client and a server whose peer breaks the protocol or lies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { Agent, WaitResponseSchema } from '../gen/agent_pb.js';
import { RequestSchema } from '../gen/ttrpc_pb.js';
import { decodeResponse, encodeRequest, encodeSuccess } from './envelope.js';
import { FrameDecoder, headerBytes } from './frame.js';
import {
  connectClient,
  createClient,
  duplexPair,
  type Handlers,
  implement,
  type RpcError,
  serve,
} from './index.js';

const request = 1;
const response = 2;
const data = 3;

function frameOf(streamId: number, type: number, payload: Uint8Array, flags = 0): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headerBytes), payload]);
  frame.writeUInt32BE(payload.length, 0);
  frame.writeUInt32BE(streamId, 4);
  frame[8] = type;
  frame[9] = flags;
  return frame;
}

function headerOf(length: number, streamId: number, type: number): Buffer {
  const header = frameOf(streamId, type, new Uint8Array(0));
  header.writeUInt32BE(length, 0);
  return header;
}

const ticks = async (count = 20): Promise<void> => {
  for (let index = 0; index < count; index++) await new Promise((resolve) => setImmediate(resolve));
};

function exitAnswer(streamId: number, exitCode: number): Buffer {
  const payload = toBinary(WaitResponseSchema, create(WaitResponseSchema, { exitCode }));
  return encodeSuccess(streamId, payload);
}

/** A client whose peer is the test itself. */
function openClient() {
  const [clientEnd, peer] = duplexPair();
  peer.on('error', () => {});
  peer.resume();
  const connection = connectClient(clientEnd);
  return { peer, connection, agent: createClient(Agent, connection) };
}

/** A served agent whose caller is the test itself: `answers` are the codes by stream id. */
function openServer() {
  const [peer, serverEnd] = duplexPair();
  const answers: [streamId: number, code: number][] = [];
  const decoder = new FrameDecoder(
    {
      frame: ({ streamId }, payload) =>
        answers.push([streamId, decodeResponse(payload).status?.code ?? 0]),
      oversize: () => assert.fail('an answer is too long'),
    },
    4 * 1024 * 1024,
  );
  peer.on('error', () => {});
  peer.on('data', (chunk: Buffer) => decoder.push(chunk));
  const handlers = new Proxy({} as Handlers<(typeof Agent)['method']>, {
    get: (_target, name) =>
      name === 'wait' ? () => new Promise(() => {}) : async () => Promise.resolve({}),
  });
  const server = serve(serverEnd, [implement(Agent, handlers)], { maxConcurrentCalls: 16 });
  return { peer, server, answers };
}

const requestFrame = (streamId: number, method: string): Buffer =>
  encodeRequest(streamId, {
    service: Agent.typeName,
    method,
    payload: new Uint8Array(0),
    timeoutMs: 0,
  });

test('a client ignores answers with a wrong, even or reused stream id and all that is no answer', async () => {
  const { peer, connection, agent } = openClient();
  const first = agent.wait({});
  const second = agent.wait({});
  for (const streamId of [0, 2, 5, 0xffff_ffff]) peer.write(exitAnswer(streamId, 99));
  for (const type of [request, data, 0, 4, 255]) peer.write(frameOf(1, type, Buffer.from('junk')));
  peer.write(exitAnswer(3, 33));
  peer.write(exitAnswer(3, 66));
  peer.write(exitAnswer(1, 11));
  peer.write(exitAnswer(1, 99));
  assert.equal((await first).exitCode, 11);
  assert.equal((await second).exitCode, 33);
  const third = agent.wait({});
  peer.write(exitAnswer(1, 99));
  peer.write(exitAnswer(5, 55));
  assert.equal((await third).exitCode, 55);
  connection.close();
});

test('an answer after the call was cancelled resolves nothing, not even a later call', async () => {
  const { peer, connection, agent } = openClient();
  const controller = new AbortController();
  const cancelled = agent.wait({}, { signal: controller.signal });
  controller.abort();
  await assert.rejects(cancelled, { code: 'cancelled' });
  const next = agent.wait({});
  peer.write(exitAnswer(1, 99));
  peer.write(exitAnswer(3, 3));
  assert.equal((await next).exitCode, 3);
  connection.close();
});

const malformedAnswers: readonly [string, Buffer][] = [
  ['a truncated field', Buffer.from([0x12, 0x7f, 1])],
  ['a length of 4 GiB', Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])],
  ['a varint without end', Buffer.alloc(64, 0xff)],
  ['field number 0', Buffer.from([0x02, 0x00])],
  ['wire type 7', Buffer.from([0x0f, 0x00])],
  ['groups nested 10 000 deep', Buffer.alloc(10_000, (15 << 3) | 3)],
  ['a status that is none', Buffer.from([0x0a, 0x02, 0x08])],
  ['a status with invalid UTF-8', Buffer.from([0x0a, 0x04, 0x12, 0x02, 0xc3, 0x28])],
  ['a payload that cannot be decoded', Buffer.from([0x12, 0x02, 0x08, 0xff])],
];
for (const [what, payload] of malformedAnswers) {
  test(`an answer with ${what} fails its call alone`, async () => {
    const { peer, connection, agent } = openClient();
    const [broken, whole] = [agent.wait({}), agent.wait({})];
    peer.write(frameOf(1, response, payload));
    peer.write(exitAnswer(3, 5));
    await assert.rejects(broken, { code: 'internal', message: /cannot be decoded/ });
    assert.equal((await whole).exitCode, 5);
    connection.close();
  });
}

test('an endless list of details and a huge message are cut', async () => {
  const { peer, connection, agent } = openClient();
  const call = agent.wait({});
  const message = Buffer.concat([
    Buffer.from([0x12, 0x80, 0x80, 0x40]),
    Buffer.alloc(1 << 20, 'm'),
  ]);
  const details = Buffer.alloc(200_000).fill(Buffer.from([0x1a, 0x00]));
  const status = Buffer.concat([Buffer.from([0x08, 0x7f]), message, details]);
  const length = Buffer.from([0x0a, 0, 0, 0, 0]);
  for (let index = 0, rest = status.length; index < 4; index++, rest >>= 7) {
    length[index + 1] = (rest & 0x7f) | (index < 3 ? 0x80 : 0);
  }
  peer.write(frameOf(1, response, Buffer.concat([length, status])));
  await assert.rejects(call, (error: RpcError) => {
    assert.deepEqual(
      [error.code, error.message.length, error.details.length],
      ['unknown', 4096, 16],
    );
    return true;
  });
  connection.close();
});

for (const length of [4 * 1024 * 1024 + 1, 0xffff_ffff]) {
  test(`an answer of ${length} bytes fails its call and is not kept`, async () => {
    const { peer, connection, agent } = openClient();
    const call = agent.wait({});
    peer.write(headerOf(length, 1, response));
    await assert.rejects(call, { code: 'resource-exhausted' });
    const before = process.memoryUsage.rss();
    const chunk = Buffer.alloc(1024 * 1024);
    for (let index = 0; index < 4; index++) peer.write(chunk);
    await ticks();
    assert.ok(process.memoryUsage.rss() - before < 10 * 1024 * 1024);
    connection.close();
  });
}

test('half a frame and then silence ends at the call’s deadline, half a frame and the end at once', async () => {
  for (const half of [exitAnswer(1, 1).subarray(0, 7), exitAnswer(1, 1).subarray(0, 11)]) {
    const { peer, connection, agent } = openClient();
    const call = agent.wait({}, { timeoutMs: 10 });
    const other = agent.wait({});
    peer.write(half);
    await assert.rejects(call, { code: 'deadline-exceeded' });
    peer.end();
    await assert.rejects(other, { code: 'unavailable', message: /inside a frame/ });
    assert.match(String(await connection.closed), /inside a frame/);
  }
});

test('a server answers broken stream ids, methods and payloads, and goes on', async () => {
  const { peer, server, answers } = openServer();
  peer.write(requestFrame(2, 'Signal'));
  peer.write(requestFrame(0, 'Signal'));
  peer.write(requestFrame(5, 'Signal'));
  peer.write(requestFrame(5, 'Signal'));
  peer.write(requestFrame(3, 'Signal'));
  peer.write(frameOf(7, request, Buffer.from([0x0a, 0x7f])));
  peer.write(requestFrame(9, 'constructor'));
  peer.write(requestFrame(11, '__proto__'));
  peer.write(frameOf(13, request, toBinary(RequestSchema, create(RequestSchema))));
  peer.write(frameOf(15, request, requestFrame(15, 'Signal').subarray(headerBytes), 0x02));
  peer.write(frameOf(17, data, Buffer.from('junk')));
  peer.write(frameOf(17, response, Buffer.from('junk')));
  peer.write(frameOf(17, 77, Buffer.from('junk')));
  peer.write(headerOf(4 * 1024 * 1024 + 1, 19, request));
  for (let index = 0; index < 4; index++) peer.write(Buffer.alloc(1024 * 1024));
  peer.write(Buffer.alloc(1));
  peer.write(requestFrame(21, 'Signal'));
  await ticks();
  // The call that went well is answered a turn later than those refused at once.
  assert.deepEqual(answers.map(([streamId, code]) => `${streamId}:${code}`).sort(), [
    '0:3',
    '11:12',
    '13:12',
    '15:12',
    '17:3',
    '19:8',
    '21:0',
    '2:3',
    '3:3',
    '5:0',
    '5:3',
    '7:3',
    '9:12',
  ]);
  server.close();
});

test('data for a running call is ignored, so the call is still answered once', async () => {
  const { peer, server, answers } = openServer();
  peer.write(requestFrame(1, 'Wait'));
  peer.write(frameOf(1, data, Buffer.from('junk'), 0x04));
  peer.write(requestFrame(3, 'Signal'));
  await ticks();
  assert.deepEqual(answers, [[3, 0]]);
  server.close();
});

test('metadata named __proto__ changes nothing', async () => {
  const { peer, server, answers } = openServer();
  const metadata = ['__proto__', 'constructor', 'toString'].map((key) => ({
    key,
    value: 'polluted',
  }));
  const payload = toBinary(
    RequestSchema,
    create(RequestSchema, { service: Agent.typeName, method: 'Signal', metadata }),
  );
  peer.write(frameOf(1, request, payload));
  await ticks();
  assert.deepEqual(answers, [[1, 0]]);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.equal(String({}), '[object Object]');
  server.close();
});

test('a deadline that makes no sense is no deadline or an answered one', async () => {
  for (const timeoutNano of [-1n, 2n ** 63n - 1n, -(2n ** 63n), 1n]) {
    const { peer, server, answers } = openServer();
    const payload = toBinary(
      RequestSchema,
      create(RequestSchema, { service: Agent.typeName, method: 'Wait', timeoutNano }),
    );
    peer.write(frameOf(1, request, payload));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(answers, timeoutNano === 1n ? [[1, 4]] : []);
    server.close();
  }
});

test('no bytes that a caller sends make a server throw or answer what was not asked', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc
            .tuple(fc.nat(20), fc.constantFrom(0, 1, 2, 3, 9), fc.uint8Array({ maxLength: 30 }))
            .map(([streamId, type, payload]) => frameOf(streamId, type, payload)),
        ),
        { maxLength: 12 },
      ),
      async (chunks) => {
        const { peer, server, answers } = openServer();
        for (const chunk of chunks) peer.write(Buffer.from(chunk));
        await ticks(2);
        assert.ok(answers.length <= chunks.reduce((sum, chunk) => sum + chunk.length, 0) / 10);
        server.close();
        await server.closed;
      },
    ),
    { numRuns: 200 },
  );
});

test('no bytes that a peer answers make a client throw or leave a call undecided', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc
            .tuple(fc.nat(6), fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 30 }))
            .map(([streamId, type, payload]) => frameOf(streamId, type, payload)),
        ),
        { maxLength: 12 },
      ),
      async (chunks) => {
        const { peer, connection, agent } = openClient();
        const calls = [agent.wait({}), agent.signal({}), agent.handshake({})];
        const settled = Promise.allSettled(calls);
        for (const chunk of chunks) peer.write(Buffer.from(chunk));
        peer.end();
        for (const result of await settled) {
          if (result.status === 'rejected') assert.equal(result.reason.name, 'RpcError');
        }
        await connection.closed;
      },
    ),
    { numRuns: 200 },
  );
});
