// Tests of reading lines: whatever pieces they come in, and never more than the bound.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { readLines } from './read-lines.js';

async function linesOf(pieces: readonly string[], maxBytes = 100): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(pieces.map((piece) => Buffer.from(piece)));
  for await (const line of readLines(stream, maxBytes)) lines.push(line);
  return lines;
}

test('lines come whole, whatever pieces they arrive in', async () => {
  assert.deepEqual(await linesOf(['a\nb', 'c\n\n', 'ü', '\n']), ['a', 'bc', '', 'ü']);
});

test('what follows the last line end is no line', async () => {
  assert.deepEqual(await linesOf(['a\nhalf']), ['a']);
});

test('a line beyond the bound is an error, with and without its end', async () => {
  await assert.rejects(linesOf(['12345', '6\n'], 5), /more than 5 bytes/);
  await assert.rejects(linesOf(['123', '456'], 5), /more than 5 bytes/);
  assert.deepEqual(await linesOf(['12345\n'], 5), ['12345']);
});
