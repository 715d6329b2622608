import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDirectory, makeDirectories, readInRoot } from './in-root.js';

let folder = '';
let rootFd = -1;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtc-in-root-'));
  const root = `${folder}/root`;
  mkdirSync(`${root}/etc`, { recursive: true });
  writeFileSync(`${folder}/secret`, 'secret');
  mkdirSync(`${folder}/outside`);
  writeFileSync(`${root}/etc/passwd`, 'inside');
  symlinkSync('/etc/passwd', `${root}/absolute`);
  symlinkSync('../../../../../../../../../etc/passwd', `${root}/up`);
  symlinkSync('../secret', `${root}/secret`);
  symlinkSync(`${folder}/secret`, `${root}/secret2`);
  symlinkSync('../outside', `${root}/out`);
  symlinkSync('loop', `${root}/loop`);
  symlinkSync('/proc/self/root', `${root}/magic`);
  execFileSync('mkfifo', [`${root}/fifo`]);
  rootFd = openSync(root, 'r');
});

after(() => {
  closeSync(rootFd);
  rmSync(folder, { recursive: true });
});

test('links are followed inside the root, absolute ones and those that climb too', () => {
  for (const path of ['/etc/passwd', 'etc/passwd', 'absolute', 'up', '/../../etc/passwd']) {
    assert.equal(readInRoot(rootFd, path, 100)?.toString(), 'inside', path);
  }
});

test('nothing outside the root is read, and no special file holds up the reader', () => {
  for (const path of ['secret', 'secret2', '../secret', 'loop', 'missing', 'etc', 'fifo']) {
    assert.equal(readInRoot(rootFd, path, 100), null, path);
  }
});

test('reading stops at its bound', () => {
  assert.equal(readInRoot(rootFd, 'etc/passwd', 3)?.toString(), 'ins');
});

test('directories are made inside the root, whatever links lie in the way', () => {
  makeDirectories(rootFd, '/a/b/c');
  assert.equal(statSync(`${folder}/root/a/b/c`).isDirectory(), true);
  makeDirectories(rootFd, '/a/b/c');
  // The link leads to /outside inside the root, which is not there: nothing is made through it.
  assert.throws(() => makeDirectories(rootFd, '/out/x'), { code: 'EEXIST' });
  makeDirectories(rootFd, '/a/../../../up-and-out');
  assert.deepEqual(readdirSync(`${folder}/outside`), []);
  assert.equal(existsSync(`${folder}/up-and-out`), false);
  assert.throws(() => makeDirectories(rootFd, '/etc/passwd'), { code: 'EEXIST' });
  assert.throws(() => makeDirectories(rootFd, '/etc/passwd/x'), { code: 'EEXIST' });
});

test('a directory is known through links, a file is none', () => {
  assert.equal(isDirectory(rootFd, '/etc'), true);
  assert.equal(isDirectory(rootFd, '/absolute'), false);
  assert.equal(isDirectory(rootFd, '/out'), false);
  assert.equal(isDirectory(rootFd, '/nowhere/at/all'), false);
});
