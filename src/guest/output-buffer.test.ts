import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtcontainersError } from '../base/errors.js';
import type { ByteSource } from './doors.js';
import { OutputBuffer, type OutputPiece } from './output-buffer.js';

/** A source that is driven by hand and refuses to deliver while it is paused. */
class HandSource implements ByteSource {
  paused = false;
  closed = false;
  #receive: (chunk: Uint8Array) => void = () => {};
  #end: () => void = () => {};

  start(receive: (chunk: Uint8Array) => void, end: () => void): void {
    this.#receive = receive;
    this.#end = end;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  close(): void {
    this.closed = true;
  }

  deliver(chunk: Uint8Array): void {
    assert.equal(this.paused, false);
    this.#receive(chunk);
    // The chunk is valid during the call only.
    chunk.fill(0xee);
  }

  end(): void {
    this.#end();
  }
}

function make(limit: number): { source: HandSource; buffer: OutputBuffer } {
  const source = new HandSource();
  return { source, buffer: new OutputBuffer(source, limit) };
}

/** A read that acknowledges what it does not ask for, unless told otherwise. */
const read = (
  buffer: OutputBuffer,
  offset: number,
  maxBytes: number,
  acknowledged = offset,
): Promise<OutputPiece> => buffer.read({ offset, acknowledged, maxBytes });

const text = (data: Uint8Array): string => Buffer.from(data).toString();
const outOfRange = (error: unknown): boolean =>
  error instanceof VirtcontainersError && error.details['reason'] === 'offset-out-of-range';

test('a read waits for bytes, and is at the end when the stream is', async () => {
  const { source, buffer } = make(100);
  const first = read(buffer, 0, 10);
  source.deliver(Buffer.from('abc'));
  const piece = await first;
  assert.deepEqual([text(piece.data), piece.end], ['abc', false]);
  const second = read(buffer, 3, 10);
  source.end();
  assert.deepEqual(await second.then(({ data, end }) => [data.length, end]), [0, true]);
  assert.deepEqual(await read(buffer, 3, 10).then(({ end }) => end), true);
});

test('what is not acknowledged is read again; what is acknowledged is gone', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.from('abcdef'));
  assert.equal(text((await read(buffer, 0, 4)).data), 'abcd');
  assert.equal(text((await read(buffer, 4, 4, 2)).data), 'ef');
  assert.equal(text((await read(buffer, 2, 100, 0)).data), 'cdef');
  assert.equal(text((await read(buffer, 3, 100)).data), 'def');
  await assert.rejects(read(buffer, 2, 4), outOfRange);
  await assert.rejects(read(buffer, 7, 4, 3), outOfRange);
});

test('what is beyond the read cannot be acknowledged, and the attempt changes nothing', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.from('abcdef'));
  await assert.rejects(read(buffer, 2, 4, 3), outOfRange);
  assert.equal(text((await read(buffer, 0, 100)).data), 'abcdef');
});

test('the last piece says that nothing follows', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.from('abcdef'));
  source.end();
  assert.equal((await read(buffer, 0, 4)).end, false);
  assert.equal((await read(buffer, 4, 4)).end, true);
});

test('a second read takes the place of one that waits', async () => {
  const { source, buffer } = make(100);
  const first = assert.rejects(read(buffer, 0, 10), { code: 'cancelled' });
  const second = read(buffer, 0, 10);
  source.deliver(Buffer.from('x'));
  await first;
  assert.equal(text((await second).data), 'x');
});

test('a full buffer stops its source until half of it is acknowledged', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.alloc(100));
  assert.equal(source.paused, true);
  await read(buffer, 49, 1);
  assert.equal(source.paused, true);
  await read(buffer, 50, 1);
  assert.equal(source.paused, false);
});

test('a read of more than is kept waits for an acknowledgement', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.alloc(100));
  const waiting = assert.rejects(read(buffer, 100, 10, 0), { code: 'cancelled' });
  assert.equal(source.paused, true);
  const again = read(buffer, 100, 10, 1);
  assert.equal(source.paused, false);
  source.deliver(Buffer.from('x'));
  await waiting;
  assert.equal(text((await again).data), 'x');
});

test('a closed buffer ends who waits and refuses who comes', async () => {
  const { source, buffer } = make(100);
  const waiting = read(buffer, 0, 1);
  buffer.close(new VirtcontainersError('not-found', 'gone'));
  assert.equal((await waiting).end, true);
  await assert.rejects(read(buffer, 0, 1), { code: 'not-found' });
  assert.equal(source.closed, true);
});

test('every byte comes out in order, as often as it is read before its acknowledgement', async () => {
  const limit = 1000;
  const step = fc.record({
    deliver: fc.nat(900),
    maxBytes: fc.integer({ min: 1, max: 700 }),
    // How far the next read goes back, and how much before it is kept.
    back: fc.oneof(fc.constant(0), fc.nat(1200)),
    kept: fc.oneof(fc.constant(0), fc.nat(limit - 1)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 200 }), async (steps) => {
      const { source, buffer } = make(limit);
      let produced = 0;
      let offset = 0;
      let acknowledged = 0;
      const deliver = (length: number): void => {
        const start = produced;
        source.deliver(Uint8Array.from({ length }, (_, index) => (start + index) % 251));
        produced += length;
      };
      for (const { deliver: length, maxBytes, back, kept } of steps) {
        if (length > 0 && !source.paused) deliver(length);
        offset = Math.max(acknowledged, offset - back);
        acknowledged = Math.max(acknowledged, offset - kept);
        const reading = read(buffer, offset, maxBytes, acknowledged);
        // A reader within the bound is never left to wait: all is here, or more may come.
        if (offset === produced) deliver(1);
        const { data } = await reading;
        assert.ok(data.length > 0 && data.length <= maxBytes);
        assert.ok(data.every((byte, index) => byte === (offset + index) % 251));
        offset += data.length;
        assert.ok(produced - acknowledged < limit + 900);
        if (acknowledged === 0) continue;
        await assert.rejects(read(buffer, acknowledged - 1, 1), outOfRange);
      }
    }),
  );
});
