import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtcontainersError } from '../base/errors.js';
import type { ByteSource } from './doors.js';
import { OutputBuffer } from './output-buffer.js';

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

const text = (data: Uint8Array): string => Buffer.from(data).toString();
const outOfRange = (error: unknown): boolean =>
  error instanceof VirtcontainersError && error.details['reason'] === 'offset-out-of-range';

test('a read waits for bytes, and is at the end when the stream is', async () => {
  const { source, buffer } = make(100);
  const first = buffer.read(0, 10);
  source.deliver(Buffer.from('abc'));
  const piece = await first;
  assert.deepEqual([text(piece.data), piece.end], ['abc', false]);
  const second = buffer.read(3, 10);
  source.end();
  assert.deepEqual(await second.then(({ data, end }) => [data.length, end]), [0, true]);
  assert.deepEqual(await buffer.read(3, 10).then(({ end }) => end), true);
});

test('what is not acknowledged is read again; what is acknowledged is gone', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.from('abcdef'));
  assert.equal(text((await buffer.read(0, 4)).data), 'abcd');
  assert.equal(text((await buffer.read(0, 4)).data), 'abcd');
  assert.equal(text((await buffer.read(2, 100)).data), 'cdef');
  await assert.rejects(buffer.read(1, 4), outOfRange);
  await assert.rejects(buffer.read(7, 4), outOfRange);
});

test('the last piece says that nothing follows', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.from('abcdef'));
  source.end();
  assert.equal((await buffer.read(0, 4)).end, false);
  assert.equal((await buffer.read(4, 4)).end, true);
});

test('a second read takes the place of one that waits', async () => {
  const { source, buffer } = make(100);
  const first = assert.rejects(buffer.read(0, 10), { code: 'cancelled' });
  const second = buffer.read(0, 10);
  source.deliver(Buffer.from('x'));
  await first;
  assert.equal(text((await second).data), 'x');
});

test('a full buffer stops its source until half of it is acknowledged', async () => {
  const { source, buffer } = make(100);
  source.deliver(Buffer.alloc(100));
  assert.equal(source.paused, true);
  await buffer.read(49, 1);
  assert.equal(source.paused, true);
  await buffer.read(50, 1);
  assert.equal(source.paused, false);
});

test('a closed buffer ends who waits and refuses who comes', async () => {
  const { source, buffer } = make(100);
  const waiting = buffer.read(0, 1);
  buffer.close(new VirtcontainersError('not-found', 'gone'));
  assert.equal((await waiting).end, true);
  await assert.rejects(buffer.read(0, 1), { code: 'not-found' });
  assert.equal(source.closed, true);
});

test('every byte comes out once and in order, whatever the sizes and repeats', async () => {
  const step = fc.record({
    deliver: fc.nat(900),
    maxBytes: fc.integer({ min: 1, max: 700 }),
    acknowledge: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 200 }), async (steps) => {
      const { source, buffer } = make(1000);
      let produced = 0;
      let offset = 0;
      const take = async (maxBytes: number): Promise<number> => {
        const { data } = await buffer.read(offset, maxBytes);
        assert.ok(data.length > 0 && data.length <= maxBytes);
        assert.ok(data.every((byte, index) => byte === (offset + index) % 251));
        return data.length;
      };
      for (const { deliver, maxBytes, acknowledge } of steps) {
        if (deliver > 0 && !source.paused) {
          const start = produced;
          source.deliver(Uint8Array.from({ length: deliver }, (_, i) => (start + i) % 251));
          produced += deliver;
        }
        if (offset === produced) continue;
        const length = await take(maxBytes);
        if (acknowledge) offset += length;
      }
      while (offset < produced) offset += await take(700);
    }),
  );
});
