import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { VirtcontainersError } from '../../base/errors.js';
import { checkExecutable, notFoundError } from './executable.js';

let root = '';
let rootFd = -1;

before(() => {
  root = mkdtempSync(join(tmpdir(), 'virtc-executable-'));
  for (const name of ['bin', 'sbin', 'work', 'lib64']) mkdirSync(`${root}/${name}`);
  const file = (path: string, content: string | Buffer, mode = 0o755): void => {
    writeFileSync(`${root}/${path}`, content);
    chmodSync(`${root}/${path}`, mode);
  };
  const elf = readFileSync('/bin/sh').subarray(0, 8192);
  file('lib64/ld-linux-x86-64.so.2', 'loader');
  file('bin/dynamic', elf);
  file('bin/cut', elf.subarray(0, 20));
  file('bin/arm', Buffer.from(elf).fill(183, 18, 19));
  file(
    'bin/other-loader',
    Buffer.from(elf.toString('latin1').replaceAll('ld-linux', 'ld-other'), 'latin1'),
  );
  file('bin/script', '#! /bin/dynamic -x\n');
  file('bin/orphan', '#!/bin/bash\n');
  file('bin/text', 'echo hi\n');
  file('bin/empty', '');
  file('bin/plain', '#!/bin/dynamic\n', 0o644);
  file('sbin/plain', '#!/bin/dynamic\n');
  file('bin/owner-only', '#!/bin/dynamic\n', 0o700);
  file('work/run', '#!/bin/dynamic\n');
  symlinkSync('/bin/dynamic', `${root}/bin/link`);
  symlinkSync('/bin/nowhere', `${root}/bin/dangling`);
  symlinkSync('../../../../../../bin/sh', `${root}/bin/escape`);
  rootFd = openSync(root, 'r');
});

after(() => {
  closeSync(rootFd);
  rmSync(root, { recursive: true });
});

function reasonFor(command: string, more: { uid?: number; path?: string } = {}): string {
  const { uid = 0, path = '/bin:/sbin' } = more;
  try {
    checkExecutable(rootFd, { command, searchPath: path, cwd: '/work', uid, gids: [uid] });
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof VirtcontainersError, String(error));
    return String(error.details['reason']);
  }
}

const table: readonly (readonly [string, string])[] = [
  ['dynamic', 'ok'],
  ['/bin/dynamic', 'ok'],
  ['../bin/dynamic', 'ok'],
  ['./run', 'ok'],
  ['link', 'ok'],
  ['script', 'ok'],
  ['run', 'command-not-found'],
  ['nothing', 'command-not-found'],
  ['', 'command-not-found'],
  ['/bin/nothing', 'command-not-found'],
  ['/bin/dynamic/x', 'command-not-found'],
  ['dangling', 'command-not-found'],
  ['escape', 'command-not-found'],
  ['orphan', 'command-not-found'],
  ['other-loader', 'command-not-found'],
  ['/bin', 'command-not-executable'],
  ['/bin/plain', 'command-not-executable'],
  ['text', 'command-not-executable'],
  ['empty', 'command-not-executable'],
  ['cut', 'command-not-executable'],
  ['arm', 'command-not-executable'],
];

for (const [command, outcome] of table) {
  test(`"${command}": ${outcome}`, () => assert.equal(reasonFor(command), outcome));
}

test('of a command without a slash it says that it was looked for in PATH', () => {
  assert.match(notFoundError('nope').message, /"nope": there is no such file in PATH$/);
  assert.match(notFoundError('./nope').message, /"\.\/nope": there is no such file$/);
});

test('a file that may not be executed is passed over for a later one of the path', () => {
  assert.equal(reasonFor('plain'), 'ok');
  assert.equal(reasonFor('plain', { path: '/bin' }), 'command-not-executable');
});

test('the permission is that of the user', () => {
  assert.equal(reasonFor('owner-only'), 'ok');
  assert.equal(reasonFor('owner-only', { uid: 1000 }), 'command-not-executable');
});

test('relative and empty parts of the path are below the working directory', () => {
  assert.equal(reasonFor('run', { path: '.' }), 'ok');
  assert.equal(reasonFor('run', { path: '' }), 'ok');
});
