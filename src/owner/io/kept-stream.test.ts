// Tests of kept output: readers at their own pace, a bound in memory, and a stream that waits for nobody but them.
import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { KeptStream } from './kept-stream.js';

const noLog = (): void => {};

/** Bytes that tell their place. */
function pattern(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) % 251));
}

async function settled(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    assert.ok(tries < 1000, 'it does not settle');
    await pause(2);
  }
}

test('readers get everything, whenever they come, and the end', async () => {
  const source = new PassThrough();
  const seen: Uint8Array[] = [];
  const kept = new KeptStream(source, (data) => seen.push(data));
  const early = text(kept.open('kept').bytes);
  source.write('one ');
  await turn();
  const middle = kept.open('now');
  const again = kept.open(2);
  source.end('two');
  assert.equal(await early, 'one two');
  assert.deepEqual([middle.offset, await text(middle.bytes)], [4, 'two']);
  assert.deepEqual([again.offset, await text(again.bytes)], [2, 'e two']);
  const late = kept.open('kept');
  assert.deepEqual([late.offset, await text(late.bytes)], [0, 'one two']);
  assert.equal(Buffer.concat(seen).toString(), 'one two');
});

test('without a reader the oldest bytes go, and a reader is told where what is left begins', async () => {
  const all = pattern(1_000_000);
  const source = Readable.from([
    all.subarray(0, 3),
    all.subarray(3, 700_000),
    all.subarray(700_000),
  ]);
  const kept = new KeptStream(source, noLog, 200_000);
  await settled(() => source.readableEnded);
  const { offset, bytes } = kept.open(0);
  assert.ok(offset >= 1_000_000 - 200_000 - 64 * 1024 && offset <= 800_000, String(offset));
  assert.deepEqual(await buffer(bytes), all.subarray(offset));
  assert.equal(kept.open(5_000_000).offset, 1_000_000);
});

test('a reader that stands still holds the stream, loses nothing, and lets it go on when it leaves', async () => {
  const all = pattern(2_000_000);
  let given = 0;
  const source = new Readable({
    read(size) {
      const piece = all.subarray(given, given + size);
      given += piece.length;
      this.push(piece.length === 0 ? null : piece);
    },
  });
  const kept = new KeptStream(source, noLog, 200_000);
  const slow = kept.open('kept').bytes;
  const gone = kept.open('kept').bytes;
  await settled(() => source.isPaused());
  assert.ok(given < 700_000, `${given} bytes were drawn`);
  gone.destroy();
  await pause(20);
  assert.ok(source.isPaused(), 'the slow one still holds it');
  assert.deepEqual(await buffer(slow), all);
  const stopped = new KeptStream(Readable.from([all]), noLog, 10);
  const left = stopped.open('kept').bytes;
  left.destroy();
  await turn();
});

test('a stream that fails gives its readers what it had, then its error', async () => {
  const source = new PassThrough();
  const kept = new KeptStream(source, noLog);
  const { bytes } = kept.open('kept');
  source.write('had');
  await turn();
  source.destroy(new Error('the VM is gone'));
  const got: Buffer[] = [];
  await assert.rejects(async () => {
    for await (const piece of bytes) got.push(piece as Buffer);
  }, /the VM is gone/);
  assert.equal(Buffer.concat(got).toString(), 'had');
});
