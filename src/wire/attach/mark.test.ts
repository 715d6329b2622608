// Tests of stuffing and of taking it apart again: whatever the data and wherever it is cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeMark,
  firstMarkByte,
  markBytes,
  markCode,
  newToken,
  stuff,
  tokenBytes,
} from './mark.js';
import { MarkDecoder } from './mark-decoder.js';

/** What a receiver sees: all data joined, with `|` where a connection began. */
function decode(chunks: readonly Buffer[]): string {
  let seen = '';
  const decoder = new MarkDecoder({
    data: (bytes) => (seen += bytes.toString('latin1')),
    mark: () => (seen += '|'),
  });
  for (const chunk of chunks) decoder.push(chunk);
  return seen;
}

function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const token = Buffer.alloc(tokenBytes, 't');
const mark = encodeMark(token);
const text = (bytes: Buffer): string => bytes.toString('latin1');

// Data made of what matters: parts of M, codes, and other bytes.
const dataChunk = fc
  .array(
    fc.oneof(
      fc.constant(markBytes),
      fc.nat(markBytes.length).map((length) => markBytes.subarray(0, length)),
      fc.constantFrom(Buffer.of(0), Buffer.of(1), Buffer.of(2), Buffer.of(firstMarkByte)),
      fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));
const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 });

test('the first byte of the mark occurs nowhere else, in it or in a token', () => {
  assert.equal(markBytes[0], firstMarkByte);
  assert.equal(markBytes.lastIndexOf(firstMarkByte), 0);
  assert.equal(new Set(Object.values(markCode)).has(firstMarkByte as 0), false);
  for (let index = 0; index < 2000; index++) {
    const fresh = newToken();
    assert.deepEqual([fresh.length, fresh.includes(firstMarkByte)], [tokenBytes, false]);
  }
});

test('data comes out as it went in, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(dataChunk, { maxLength: 5 }), cuts, (chunks, sizes) => {
      const wire = Buffer.concat(chunks.map(stuff));
      assert.equal(wire.includes(encodeMark(token).subarray(0, 9)), false);
      assert.equal(decode(pieces(wire, sizes)), text(Buffer.concat(chunks)));
    }),
    { numRuns: 1000 },
  );
});

test('every chunk comes out whole at once: nothing waits for bytes that may never come', () => {
  fc.assert(
    fc.property(dataChunk, (chunk) => assert.equal(decode([stuff(chunk)]), text(chunk))),
    { numRuns: 1000 },
  );
});

test('data without the mark is not copied', () => {
  const chunk = Buffer.alloc(65536, 'x');
  assert.equal(stuff(chunk), chunk);
  let seen: Buffer | undefined;
  new MarkDecoder({ data: (bytes) => (seen = bytes), mark: () => assert.fail() }).push(chunk);
  assert.equal(seen?.buffer, chunk.buffer);
});

test('the mark in the data, split at every byte, is data', () => {
  const data = Buffer.concat([
    Buffer.from('ab'),
    markBytes,
    Buffer.of(markCode.mark),
    token,
    markBytes,
  ]);
  const wire = stuff(data);
  for (let at = 0; at <= wire.length; at++) {
    assert.equal(decode([wire.subarray(0, at), wire.subarray(at)]), text(data));
  }
  for (let at = 0; at <= data.length; at++) {
    const halves = [stuff(data.subarray(0, at)), stuff(data.subarray(at))];
    assert.equal(decode(halves), text(data));
  }
});

test('a mark split at every byte begins a connection', () => {
  const wire = Buffer.concat([Buffer.from('old'), mark, Buffer.from('new')]);
  for (let at = 0; at <= wire.length; at++) {
    assert.match(decode([wire.subarray(0, at), wire.subarray(at)]), /^o?l?d?\|new$/);
  }
});

test('a sender that dies anywhere leaves nothing to the connection after it', () => {
  fc.assert(
    fc.property(dataChunk, dataChunk, fc.nat(1000), cuts, (old, fresh, cut, sizes) => {
      const sent = Buffer.concat([mark, stuff(old)]);
      const dead = sent.subarray(0, cut % (sent.length + 1));
      const wire = Buffer.concat([dead, mark, stuff(fresh)]);
      const [, ...connections] = decode(pieces(wire, sizes)).split('|');
      // `|` may be in the data too, so compare from the end.
      assert.ok(connections.join('|').endsWith(text(fresh)));
      assert.ok(decode(pieces(wire, sizes)).endsWith(`|${text(fresh)}`));
    }),
    { numRuns: 1000 },
  );
});

test('the bytes of a mark never become data of the connection that it ends', () => {
  const old = Buffer.from('half a frame');
  for (let cut = 0; cut <= mark.length; cut++) {
    // A second host died while sending its mark; the third one's comes in two pieces.
    const dead = Buffer.concat([stuff(old), mark.subarray(0, cut)]);
    for (let at = 0; at <= mark.length; at++) {
      const seen = decode([
        stuff(old),
        mark.subarray(0, cut),
        mark.subarray(0, at),
        mark.subarray(at),
      ]);
      assert.match(seen, /^half a frame\|{1,2}$/, `cut at ${cut} and ${at}`);
    }
    assert.ok(decode([dead, mark]).endsWith('|'));
  }
});

test('an interrupted mark makes the receiver wait for the next one', () => {
  const interrupted = Buffer.concat([markBytes, Buffer.from('?garbage')]);
  assert.equal(
    decode([Buffer.from('a'), interrupted, Buffer.from('b'), mark, Buffer.from('c')]),
    'a|c',
  );
});

test('floods of anything are held in bounded memory and in time in proportion to their length', () => {
  const floods = [
    Buffer.alloc(4 << 20, firstMarkByte),
    Buffer.alloc(4 << 20, markBytes),
    Buffer.alloc(4 << 20, mark.subarray(0, 20)),
    Buffer.alloc(4 << 20, 0),
  ];
  for (const flood of floods) {
    let delivered = 0;
    const decoder = new MarkDecoder({
      data: (bytes) => (delivered += bytes.length),
      mark: () => {},
    });
    for (let at = 0; at < flood.length; at += 65536) decoder.push(flood.subarray(at, at + 65536));
    for (let at = 0; at < 65536; at++) decoder.push(flood.subarray(at, at + 1));
    assert.ok(delivered <= flood.length + 65536);
    // What was held back is short: a mark comes through at once and nothing precedes it but that.
    let marks = 0;
    const probe = new MarkDecoder({ data: () => {}, mark: () => marks++ });
    probe.push(flood);
    probe.push(mark);
    probe.push(mark);
    assert.ok(marks >= 1);
  }
});

test('no bytes make the decoder throw', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(dataChunk, fc.constant(mark)), { maxLength: 20 }), (chunks) => {
      decode(chunks);
      assert.ok(decode([...chunks, mark, mark, Buffer.from('x')]).endsWith('|x'));
    }),
    { numRuns: 500 },
  );
});
