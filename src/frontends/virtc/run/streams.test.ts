// Tests of carrying bytes: exact, with backpressure, without blocking, and quiet when our reader goes away.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { VirtcontainersError } from '../../../base/errors.js';
import { attachInput, copyOutput } from './streams.js';

function options(signal = new AbortController().signal) {
  const calls: string[] = [];
  return {
    calls,
    options: {
      name: 'standard output' as const,
      signal,
      onBroken: (error: Error | null) => calls.push(error?.message ?? 'reader gone'),
    },
  };
}

/** A destination whose writes fail with an errno. */
function failing(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
  });
}

test('every byte arrives, and the destination stays open for what follows', async () => {
  const bytes = randomBytes(1_000_000);
  const destination = new PassThrough();
  const received = buffer(destination);
  await copyOutput(
    Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
    destination,
    options().options,
  );
  assert.equal(destination.writableEnded, false);
  destination.end();
  assert.deepEqual(await received, bytes);
});

test('copying waits until the destination has taken the last byte', async () => {
  let taken = 0;
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      setTimeout(() => {
        taken += chunk.length;
        done();
      }, 20);
    },
  });
  await copyOutput(Readable.from([Buffer.alloc(10)]), destination, options().options);
  assert.equal(taken, 10);
});

for (const code of ['EPIPE', 'ECONNRESET']) {
  test(`${code} means that our reader is gone, which is no failure`, async () => {
    const { calls, options: given } = options();
    await copyOutput(Readable.from([Buffer.from('x')]), failing(code), given);
    assert.deepEqual(calls, ['reader gone']);
  });
}

test('a full disk is told by name', async () => {
  const { calls, options: given } = options();
  await copyOutput(Readable.from([Buffer.from('x')]), failing('ENOSPC'), given);
  assert.deepEqual(calls, ['cannot write standard output: ENOSPC']);
});

test('a source that fails is a failure', async () => {
  const source = new Readable({ read: () => {} });
  source.destroy(new VirtcontainersError('unavailable', 'the VM is gone'));
  await assert.rejects(copyOutput(source, new PassThrough(), options().options), /the VM is gone/);
});

test('an abort ends copying into a destination that takes nothing', async () => {
  const abort = new AbortController();
  const stuck = new Writable({ highWaterMark: 1, write: () => {} });
  const copying = copyOutput(
    Readable.from([Buffer.alloc(100), Buffer.alloc(100)]),
    stuck,
    options(abort.signal).options,
  );
  await turn();
  abort.abort();
  await copying;
});

test('input and its end are passed on', async () => {
  const bytes = randomBytes(200_000);
  const destination = new PassThrough();
  const received = buffer(destination);
  attachInput(Readable.from([bytes]), destination);
  assert.deepEqual(await received, bytes);
});

test('input that cannot be read has ended', async () => {
  const source = new Readable({ read: () => {} });
  const destination = new PassThrough();
  const received = buffer(destination);
  attachInput(source, destination);
  source.destroy(Object.assign(new Error('hung up'), { code: 'EIO' }));
  assert.equal((await received).length, 0);
});

test('a container that closes its input ends the reading', async () => {
  const source = new PassThrough();
  attachInput(source, failing('EPIPE'));
  source.write('x');
  await new Promise((resolve) => source.once('close', resolve));
  assert.equal(source.destroyed, true);
});

test('detaching lets go of an input that never ends', () => {
  const source = new PassThrough();
  const detach = attachInput(source, new PassThrough());
  detach();
  assert.equal(source.destroyed, true);
});
