// Tests of what a file for `--env-file` says.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parseEnvFile, readEnvFiles } from './env-file.js';

const meanings: readonly [title: string, text: string, entries: readonly string[]][] = [
  ['nothing', '', []],
  ['entries', 'A=1\nB=2\n', ['A=1', 'B=2']],
  ['a last line without an end', 'A=1', ['A=1']],
  ['lines that end as on Windows', 'A=1\r\nB=2\r\n', ['A=1', 'B=2']],
  ['a byte order mark', '\ufeffA=1', ['A=1']],
  ['comments, also indented', '# x=1\n  # y\nA=1 # not one', ['A=1 # not one']],
  ['empty lines', '\n   \n\t\nA=1\n', ['A=1']],
  ['spaces before the name and in the value', '  A= b  c \n', ['A= b  c ']],
  ['quotes', `A="x y"\nB='z'`, ['A="x y"', "B='z'"]],
  ['an empty value and equals signs in it', 'A=\nB=x=y', ['A=', 'B=x=y']],
  ['a name alone', 'HOME\n', ['HOME']],
  ['names that no shell takes', 'a.b-c=1\n1=2', ['a.b-c=1', '1=2']],
];
for (const [title, text, entries] of meanings) {
  test(`${title} in an environment file`, () => {
    assert.deepEqual(parseEnvFile(Buffer.from(text), 'f'), entries);
  });
}

const refused: readonly [title: string, text: string | Buffer, message: RegExp][] = [
  [
    'no name',
    'A=1\n=x',
    /^cannot use --env-file "f": line 2 has no name before the equals sign: "=x"$/,
  ],
  ['a space in the name', 'A B=1', /line 1 has a name with a space in it: "A B"$/],
  ['a space behind the name', 'A =1', /line 1 has a name with a space in it/],
  ['a space in a name alone', 'export A', /line 1 has a name with a space/],
  ['bytes that are no UTF-8', Buffer.from([0x41, 0x3d, 0xff]), /line 1 is not valid UTF-8$/],
  ['a NUL', 'A=x\0y', /line 1 has a NUL/],
];
for (const [title, text, message] of refused) {
  test(`${title} in an environment file is refused`, () => {
    assert.throws(() => parseEnvFile(Buffer.from(text), 'f'), {
      code: 'invalid-argument',
      message,
    });
  });
}

test('files are read in their order; what cannot be read is refused', async () => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'virtc-env-file-'));
  try {
    const file = (name: string): string => path.join(scratch, name);
    await writeFile(file('a'), 'A=1\n');
    await writeFile(file('b'), 'A=2\nB\n');
    assert.deepEqual(await readEnvFiles([file('a'), file('b')]), ['A=1', 'A=2', 'B']);
    await assert.rejects(readEnvFiles([file('c')]), {
      code: 'not-found',
      message: `cannot use --env-file "${file('c')}": there is no such file`,
    });
    await assert.rejects(readEnvFiles([scratch]), {
      code: 'invalid-argument',
      message: /it cannot be read: illegal operation on a directory/,
    });
    await assert.rejects(readEnvFiles(['']), { message: /it must be a path/ });
    await assert.rejects(readEnvFiles(['/dev/zero']), { message: /at most 2 MiB/ });
  } finally {
    await rm(scratch, { recursive: true });
  }
});
