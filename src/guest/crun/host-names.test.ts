// Tests of the names in a root: they replace whatever lies there, and nothing outside of the root is touched.
import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { toHosts, writeHostNames } from './host-names.js';

let outside = '';
let root = '';
let rootFd = -1;

beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'virtc-names-'));
  root = `${outside}/root`;
  mkdirSync(root);
  writeFileSync(`${outside}/secret`, 'untouched');
  rootFd = openSync(root, 'r');
});

afterEach(() => {
  closeSync(rootFd);
  assert.equal(readFileSync(`${outside}/secret`, 'utf8'), 'untouched');
  assert.deepEqual(readdirSync(outside).sort(), ['root', 'secret']);
  rmSync(outside, { recursive: true });
});

const read = (name: string): string => readFileSync(`${root}/etc/${name}`, 'utf8');

test('an empty root gets both files, readable by all', () => {
  writeHostNames(rootFd, 'web');
  assert.equal(read('hostname'), 'web\n');
  assert.match(read('hosts'), /^127\.0\.0\.1\tlocalhost$/m);
  assert.match(read('hosts'), /^127\.0\.1\.1\tweb$/m);
  assert.equal(lstatSync(`${root}/etc/hosts`).mode & 0o777, 0o644);
});

test('files, links and what they lead to are replaced, never followed', () => {
  mkdirSync(`${root}/etc`);
  writeFileSync(`${root}/etc/hostname`, 'builder\n');
  symlinkSync(`${outside}/secret`, `${root}/etc/hosts`);
  writeHostNames(rootFd, 'web');
  assert.equal(read('hostname'), 'web\n');
  assert.ok(lstatSync(`${root}/etc/hosts`).isFile());
  writeHostNames(rootFd, 'again');
  assert.equal(read('hostname'), 'again\n');
});

test('an /etc that leads elsewhere does so within the root', () => {
  mkdirSync(`${root}/tmp`);
  symlinkSync('../../../../tmp', `${root}/etc`);
  writeHostNames(rootFd, 'web');
  assert.deepEqual(readdirSync(`${root}/tmp`).sort(), ['hostname', 'hosts']);
});

const kept: readonly [string, () => void][] = [
  ['no directory', () => writeFileSync(`${root}/etc`, '')],
  ['a link to nowhere', () => symlinkSync('/no/where', `${root}/etc`)],
  ['a link to itself', () => symlinkSync('etc', `${root}/etc`)],
];
for (const [what, make] of kept) {
  test(`an /etc that is ${what} is left as it is`, () => {
    make();
    const before = lstatSync(`${root}/etc`).ino;
    writeHostNames(rootFd, 'web');
    assert.equal(lstatSync(`${root}/etc`).ino, before);
    assert.ok(!existsSync(`${root}/etc/hosts`));
  });
}

test('a directory in a file’s place is left, and the other file written', () => {
  mkdirSync(`${root}/etc/hosts`, { recursive: true });
  mkdirSync(`${root}/etc/hosts/inside`);
  writeHostNames(rootFd, 'web');
  assert.ok(existsSync(`${root}/etc/hosts/inside`));
  assert.equal(read('hostname'), 'web\n');
});

test('what is no name is not written', () => {
  for (const name of [undefined, 3, '', 'a b', 'a\n127.0.0.1 evil']) {
    writeHostNames(rootFd, name);
    assert.deepEqual(readdirSync(root), []);
  }
});

test('a name with a domain comes before its short form', () => {
  assert.match(toHosts('web.example.org'), /^127\.0\.1\.1\tweb\.example\.org web$/m);
  assert.match(toHosts('.odd'), /^127\.0\.1\.1\t\.odd$/m);
});
