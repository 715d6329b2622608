// Tests of lines: however bytes are cut, lines are the same; long ones come in pieces; who leaves holds nobody up.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { linesOf } from './lines.js';

/** A stream that gives `bytes` in pieces of the given lengths, over and over. */
function inPieces(bytes: Buffer, lengths: readonly number[]): Readable {
  let offset = 0;
  let turnOf = 0;
  return new Readable({
    read() {
      const length = lengths[turnOf++ % lengths.length] ?? 1;
      this.push(offset < bytes.length ? bytes.subarray(offset, offset + length) : null);
      offset += length;
    },
  });
}

async function linesIn(stream: Readable, maxBytes = 1000): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(stream, maxBytes)) lines.push(line);
  return lines;
}

const texts: readonly [string, readonly string[]][] = [
  ['', []],
  ['\n', ['']],
  ['a', ['a']],
  ['a\n', ['a']],
  ['a\n\nb', ['a', '', 'b']],
  ['a\r\nb\r\n', ['a', 'b']],
  ['a\rb\n', ['a\rb']],
  ['grüße\n€ 𝄞\n', ['grüße', '€ 𝄞']],
];
for (const [text, expected] of texts) {
  test(`the lines of ${JSON.stringify(text)}, byte by byte and at once`, async () => {
    const bytes = Buffer.from(text);
    assert.deepEqual(await linesIn(inPieces(bytes, [1])), expected);
    assert.deepEqual(await linesIn(inPieces(bytes, [1000])), expected);
  });
}

test('however it is cut, joined lines are the text, and none is longer than may be', async () => {
  const part = fc.constantFrom('a', '\n', 'ü', '€', '𝄞', 'bcd', '\n\n');
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  const most = fc.integer({ min: 4, max: 12 });
  await fc.assert(
    fc.asyncProperty(fc.array(part), lengths, most, async (parts, pieces, maxBytes) => {
      const text = parts.join('');
      const lines = await linesIn(inPieces(Buffer.from(text), pieces), maxBytes);
      assert.equal(lines.join(''), text.replaceAll('\n', ''));
      for (const line of lines) {
        assert.ok(Buffer.byteLength(line) <= maxBytes, `${line} in pieces of ${maxBytes}`);
        assert.ok(!line.includes('\ufffd'), 'no character is cut');
      }
      if (maxBytes > 3 * text.length + 3) {
        assert.deepEqual(lines, text === '' ? [] : text.replace(/\n$/, '').split('\n'));
      }
    }),
  );
});

test('a line without an end takes no more memory than its bound, and comes whole in pieces', async () => {
  const bytes = Buffer.alloc(10_000_000, 'x');
  const lengths: number[] = [];
  for await (const line of linesOf(inPieces(bytes, [7, 60_000]), 1_000_000))
    lengths.push(line.length);
  assert.deepEqual(lengths, Array(10).fill(1_000_000));
});

test('who leaves the loop lets the stream go on, and another reader gets what comes then', async () => {
  const stream = new Readable({ read() {} });
  stream.push('one\ntwo\n');
  for await (const line of linesOf(stream, 1000)) {
    assert.equal(line, 'one');
    break;
  }
  assert.equal(stream.destroyed, false);
  stream.push('nobody reads this\n');
  await turn();
  const lines = linesIn(stream);
  await turn();
  stream.push('three\n');
  stream.push(null);
  assert.deepEqual(await lines, ['three']);
});

test('what breaks the stream ends the loop with its error', async () => {
  const stream = inPieces(Buffer.from('one\ntwo'), [4]);
  await assert.rejects(
    (async () => {
      for await (const line of linesOf(stream, 1000)) stream.destroy(new Error(`after ${line}`));
    })(),
    /after one/,
  );
});
