// Tests of raw streams over a real socket: bytes both ways, ends, refusals, and clients that say nothing or nonsense.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { VirtcontainersError } from '../../base/errors.js';
import { openInput, openOutput } from './io-client.js';
import { ioVersion } from './io-protocol.js';
import { KeptStream } from './kept-stream.js';
import { type IoProcess, serveIo } from './serve-io.js';

async function serving(t: TestContext, found: Partial<IoProcess>) {
  const directory = mkdtempSync(path.join(tmpdir(), 'virtc-io-'));
  const process: IoProcess = {
    stdin: found.stdin ?? new PassThrough(),
    openOutput: found.openOutput ?? (() => assert.fail('nobody was to ask for output')),
  };
  const server = await serveIo({
    directory,
    find: (containerId, processId) => {
      if (containerId === 'box' && processId === null) return process;
      throw new VirtcontainersError('not-found', `there is no ${containerId}`, { hint: 'look' });
    },
  });
  // A server keeps no process alive, this one's test included.
  const alive = setInterval(() => {}, 1000);
  t.after(async () => {
    clearInterval(alive);
    await server.close();
    rmSync(directory, { recursive: true });
  });
  const place = { directory, containerId: 'box', processId: null } as const;
  return { directory, place, server, socket: path.join(directory, 'io.sock') };
}

test('output comes byte for byte, with its place, and ends', async (t) => {
  const all = Buffer.alloc(3_000_000, 'abcdefg\n');
  const kept = new KeptStream(Readable.from([all]), () => {}, 10_000_000);
  const { place } = await serving(t, { openOutput: (_stream, from) => kept.open(from) });
  const whole = await openOutput({ ...place, stream: 'stdout', from: 'kept' });
  assert.equal(whole.offset, 0);
  assert.deepEqual(await buffer(whole), all);
  const part = await openOutput({ ...place, stream: 'stdout', from: 2_999_999 });
  assert.deepEqual([part.offset, await text(part)], [2_999_999, '\n']);
});

test('a reader that leaves is missed by nobody, and its stream is let go of', async (t) => {
  const bytes = new PassThrough();
  const { place } = await serving(t, { openOutput: () => ({ offset: 7, bytes }) });
  const reader = await openOutput({ ...place, stream: 'stderr', from: 'now' });
  assert.equal(reader.offset, 7);
  bytes.write('x');
  await once(reader, 'readable');
  reader.destroy();
  if (!bytes.destroyed) await once(bytes, 'close');
});

test('input is finished when the process has taken it, and stays open', async (t) => {
  const got: Buffer[] = [];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const stdin = new Writable({
    highWaterMark: 1000,
    write(chunk: Buffer, _encoding, done) {
      got.push(chunk);
      void held.then(() => done());
    },
  });
  const { place } = await serving(t, { stdin });
  const input = await openInput(place);
  const sent = Buffer.alloc(500_000, 'input ');
  input.end(sent);
  await pause(50);
  assert.equal(input.writableFinished, false, 'nothing was taken yet');
  release();
  await finished(input);
  assert.deepEqual(Buffer.concat(got), sent);
  assert.equal(stdin.writableEnded, false);
  const second = await openInput(place);
  second.end(' more');
  await finished(second);
  assert.equal(Buffer.concat(got).subarray(-5).toString(), ' more');
});

test('input of a process that has ended fails as that of a closed pipe does', async (t) => {
  const stdin = new PassThrough();
  stdin.resume();
  const { place } = await serving(t, { stdin });
  const input = await openInput(place);
  stdin.destroy();
  input.on('error', () => {});
  input.end('late');
  await assert.rejects(finished(input), { code: /EPIPE|ECONNRESET|ERR_STREAM_PREMATURE_CLOSE/ });
});

test('what cannot be opened is said with code and hint; nobody serving is unavailable', async (t) => {
  const { place, server } = await serving(t, {});
  await assert.rejects(openInput({ ...place, containerId: 'other' }), {
    code: 'not-found',
    message: 'there is no other',
    hint: 'look',
  });
  await server.close();
  assert.ok(!existsSync(path.join(place.directory, 'io.sock')));
  await assert.rejects(openInput(place), { code: 'unavailable', message: /^cannot write to / });
});

for (const [name, bytes, answer] of [
  ['nonsense', 'hello\n', /"code":"invalid-argument"/],
  ['another version', '{"version":99}\n', /"code":"unsupported".*99/],
  ['a line without an end', 'x'.repeat(100_000), /^$/],
  ['nothing', '', /^$/],
  [
    'an unknown stream',
    `${JSON.stringify({ version: ioVersion, containerId: 'box', processId: null, stream: 'x' })}\n`,
    /"code":"invalid-argument"/,
  ],
] as const) {
  test(`a client that says ${name} is told or closed, and others are served`, async (t) => {
    const { place, socket } = await serving(t, {
      openOutput: () => ({ offset: 0, bytes: Readable.from(['fine']) }),
    });
    const client = connect(socket);
    client.on('error', () => {});
    client.end(bytes);
    const told: Buffer[] = [];
    client.on('data', (data: Buffer) => told.push(data));
    await once(client, 'close');
    assert.match(Buffer.concat(told).toString(), answer);
    assert.equal(await text(await openOutput({ ...place, stream: 'stdout', from: 'now' })), 'fine');
  });
}

test('closing ends the connections that are open', async (t) => {
  const { place, server } = await serving(t, {
    openOutput: () => ({ offset: 0, bytes: new PassThrough() }),
  });
  const reader = await openOutput({ ...place, stream: 'stdout', from: 'now' });
  reader.resume();
  const ended = once(reader, 'end');
  await server.close();
  await ended;
});
