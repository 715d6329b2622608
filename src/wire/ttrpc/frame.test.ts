// Tests of cutting a byte stream into frames, whatever the pieces it comes in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameDecoder, type FrameHeader, headerBytes, writeHeader } from './frame.js';

interface Seen {
  readonly header: FrameHeader;
  readonly payload: Buffer | number;
}

function collect(chunks: readonly Buffer[], limit = 4 * 1024 * 1024) {
  const seen: Seen[] = [];
  const decoder = new FrameDecoder(
    {
      frame: (header, payload) => seen.push({ header, payload: Buffer.from(payload) }),
      oversize: (header, length) => seen.push({ header, payload: length }),
    },
    limit,
  );
  for (const chunk of chunks) decoder.push(chunk);
  return { seen, isInsideFrame: decoder.isInsideFrame };
}

function frameOf(streamId: number, payload: Uint8Array): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headerBytes), payload]);
  writeHeader(frame, streamId, 1);
  return frame;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

test('frames come out whole and in order, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
      (payloads, sizes) => {
        const bytes = Buffer.concat(payloads.map((payload, id) => frameOf(id, payload)));
        const chunks: Buffer[] = [];
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const size = sizes[index % sizes.length] ?? 1;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const { seen, isInsideFrame } = collect(chunks);
        assert.deepEqual(
          seen.map(({ payload }) => payload),
          payloads.map((payload) => Buffer.from(payload)),
        );
        assert.deepEqual(
          seen.map(({ header }) => header.streamId),
          payloads.map((_payload, id) => id),
        );
        assert.equal(isInsideFrame, false);
      },
    ),
  );
});

test('a frame too long is told and skipped, the next one is whole', () => {
  const bytes = Buffer.concat([
    frameOf(1, Buffer.alloc(11)),
    frameOf(3, Buffer.alloc(10, 'x')),
    frameOf(5, Buffer.alloc(1000)),
    frameOf(7, Buffer.from('end')),
  ]);
  for (let size = 1; size <= bytes.length; size++) {
    const { seen } = collect(cut(bytes, size), 10);
    assert.deepEqual(
      seen.map(({ payload }) => payload.toString()),
      ['11', 'xxxxxxxxxx', '1000', 'end'],
    );
  }
});

test('a cut at every byte leaves the decoder inside a frame, but not at its end', () => {
  const bytes = frameOf(1, Buffer.from('hello'));
  for (let at = 1; at < bytes.length; at++) {
    const { seen, isInsideFrame } = collect([bytes.subarray(0, at)]);
    assert.deepEqual([seen.length, isInsideFrame], [0, true]);
  }
  assert.equal(collect([bytes]).isInsideFrame, false);
});

test('a frame within a chunk is not copied, one in pieces is copied once', () => {
  const bytes = frameOf(1, Buffer.alloc(10_000, 'a'));
  let payload: Buffer | undefined;
  const decoder = new FrameDecoder(
    { frame: (_header, given) => (payload = given), oversize: () => assert.fail() },
    10_000,
  );
  decoder.push(bytes);
  assert.equal(payload?.buffer, bytes.buffer);
  // The first piece must not be kept: its memory may be far larger than what is needed of it.
  decoder.push(bytes.subarray(0, 500));
  decoder.push(bytes.subarray(500));
  assert.notEqual(payload?.buffer, bytes.buffer);
  assert.equal(payload?.length, 10_000);
});

test('a frame of 4 MiB in pieces of 64 bytes takes time in proportion to its length', () => {
  const chunks = cut(frameOf(1, Buffer.alloc(4 * 1024 * 1024, 'z')), 64);
  // Copying all so far with each piece would move 137 GB here and take a minute.
  const { seen } = collect(chunks);
  assert.equal(seen[0]?.payload.toString().length, 4 * 1024 * 1024);
});

test('any bytes are taken without an exception and never more memory than the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
      const { seen } = collect(
        pieces.map((piece) => Buffer.from(piece)),
        64,
      );
      for (const { payload } of seen) {
        assert.ok(typeof payload === 'number' ? payload > 64 : payload.length <= 64);
      }
    }),
  );
});
