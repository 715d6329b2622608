// Tests of quoting: a shell must read back exactly what was written.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { shellLines, shellWord } from './shell-words.js';

const words: readonly [string, string][] = [
  ['/usr/bin/qemu', '/usr/bin/qemu'],
  ['on,obsolete=deny', 'on,obsolete=deny'],
  ['', "''"],
  ['a b', "'a b'"],
  ["it's", "'it'\\''s'"],
  ['$HOME`id`"\\!*', `'$HOME\`id\`"\\!*'`],
  ['~', "'~'"],
  ['a\nb', "$'a\\x0ab'"],
  ["'\t\\", "$'\\'\\x09\\\\'"],
  ['\u009b', "$'\\xc2\\x9b'"],
  ['größe', "'größe'"],
];
for (const [argument, expected] of words) {
  test(`${JSON.stringify(argument)} is written as ${expected}`, () => {
    assert.equal(shellWord(argument), expected);
  });
}

test('bash reads back what was written, over lines', () => {
  const argv = words.map(([argument]) => argument);
  for (const lines of [
    [['printf', '%s\\0', ...argv].map(shellWord).join(' ')],
    shellLines(['printf', '%s\\0', ...argv, '-x', ...argv]),
  ]) {
    const printed = execFileSync('bash', ['-c', lines.join('\n')], { encoding: 'utf8' });
    const expected = lines.length === 1 ? argv : [...argv, '-x', ...argv];
    assert.deepEqual(printed.split('\0').slice(0, -1), expected);
  }
});

test('the program has a line of its own, and each flag one with its values', () => {
  assert.deepEqual(shellLines(['qemu', '-S', '-m', '512M', '-device', 'x,y']), [
    'qemu \\',
    '  -S \\',
    '  -m 512M \\',
    '  -device x,y',
  ]);
  assert.deepEqual(shellLines(['qemu']), ['qemu']);
});
