// Tests of making untrusted text safe to show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printable, printableTail } from './untrusted-text.js';

const cases: readonly [string, number, string][] = [
  ['plain text, ümläut 日本 🙂', 100, 'plain text, ümläut 日本 🙂'],
  ['\u001b[31mred\u001b[0m', 100, '\\x1b[31mred\\x1b[0m'],
  ['a\r\nb\tc', 100, 'a\\r\\nb\\tc'],
  ['a\u202eb\u2028c\ud800d\u0085', 100, 'a\\u{202e}b\\u{2028}c\\u{d800}d\\x85'],
  ['abcdef', 6, 'abcdef'],
  ['abcdef', 5, 'abcd…'],
  ['abc\u0000', 6, 'abc…'],
  ['ab🙂', 3, 'ab…'],
  ['abc', 1, '…'],
  ['abc', 0, ''],
  ['', 0, ''],
];
for (const [given, maxLength, expected] of cases) {
  test(`${JSON.stringify(given)} in ${maxLength} characters is ${JSON.stringify(expected)}`, () => {
    assert.equal(printable(given, maxLength), expected);
  });
}

test('the tail keeps line ends and the end of the text', () => {
  assert.equal(printableTail('one\r\ntwo\u001b[K\nthree', 100), 'one\ntwo\\x1b[K\nthree');
  assert.equal(printableTail('one\ntwo\nthree', 10), '…two\nthree');
  assert.equal(printableTail('x'.repeat(1_000_000), 4), '…xxx');
});

test('whatever is given, the result is bounded and free of control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.nat(100), (text, maxLength) => {
      const line = printable(text, maxLength);
      const tail = printableTail(text, maxLength);
      assert.ok(line.length <= maxLength && tail.length <= maxLength);
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}]/u);
      assert.doesNotMatch(tail.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Cs}]/u);
    }),
  );
});

test('ten megabytes are cut without being looked at', () => {
  assert.equal(printable('\u0000'.repeat(10_000_000), 9), '\\x00\\x00…');
});
