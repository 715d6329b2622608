import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { completeProcess, completeSpec, isBelowMount, seenThroughInit } from './spec.js';

let root = '';
let rootFd = -1;

before(() => {
  root = mkdtempSync(join(tmpdir(), 'virtc-spec-'));
  mkdirSync(`${root}/etc`);
  writeFileSync(`${root}/etc/passwd`, 'web:x:33:34::/var/www:\n');
  writeFileSync(`${root}/etc/group`, 'audio:x:29:web\n');
  rootFd = openSync(root, 'r');
});

after(() => {
  closeSync(rootFd);
  rmSync(root, { recursive: true });
});

test('a user by name becomes numbers, groups and a home; the name goes no further', () => {
  const complete = completeProcess(
    rootFd,
    { args: ['x'], user: { username: 'web', umask: 7 }, noNewPrivileges: true },
    null,
  );
  assert.deepEqual(complete.json, {
    args: ['x'],
    noNewPrivileges: true,
    cwd: '/',
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/var/www'],
    user: { umask: 7, uid: 33, gid: 34, additionalGids: [29] },
  });
  assert.deepEqual(complete.gids, [34, 29]);
});

test('what the environment has is kept, and the last PATH counts', () => {
  const env = ['PATH=/first', 'HOME=/mine', 'PATH=/last'];
  const complete = completeProcess(rootFd, { args: ['x'], env, user: { username: 'web' } }, null);
  assert.deepEqual(complete.json['env'], env);
  assert.equal(complete.searchPath, '/last');
});

test('ids without a name stand as they are, without a look at files', () => {
  const user = { uid: 5, gid: 6, additionalGids: [7] };
  const complete = completeProcess(-1, { args: ['x'], user }, null);
  assert.deepEqual(complete.json['user'], user);
  assert.deepEqual([complete.uid, complete.gids], [5, [6, 7]]);
});

test('a terminal has its first size, a process without one has none', () => {
  const size = { columns: 80, rows: 25 };
  const withTerminal = completeProcess(rootFd, { args: ['x'], terminal: true }, size);
  assert.deepEqual(withTerminal.json['consoleSize'], { height: 25, width: 80 });
  assert.equal('consoleSize' in completeProcess(rootFd, { args: ['x'] }, size).json, false);
});

for (const process of [
  {},
  { args: [] },
  { args: 'sh' },
  { args: [1] },
  { args: ['x'], env: [null] },
  { args: ['x'], cwd: 'relative' },
  { args: ['x'], cwd: 3 },
  { args: ['x'], user: { uid: '0' } },
  { args: ['x'], user: { additionalGids: 'all' } },
]) {
  test(`the process ${JSON.stringify(process)} is refused`, () => {
    assert.throws(() => completeProcess(rootFd, process, null), { code: 'invalid-argument' });
  });
}

const places = { rootPath: '/the/root', cgroupPath: '/virtc/c', sharedPaths: ['/shares/a'] };

test('the specification gets its root, control group and shared mounts; the rest is as it was', () => {
  const spec = {
    ociVersion: '1.2.0',
    hostname: 'h',
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/v', type: 'bind', source: 'virtc-share:0' },
    ],
    linux: { cgroupsPath: '/../escape', maskedPaths: ['/proc/kcore'] },
  };
  assert.deepEqual(completeSpec(spec, { args: ['x'] }, places), {
    ociVersion: '1.0.2',
    hostname: 'h',
    root: { path: '/the/root', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/v', type: 'bind', source: '/shares/a' },
    ],
    linux: { cgroupsPath: '/virtc/c', maskedPaths: ['/proc/kcore'] },
    process: { args: ['x'] },
  });
});

for (const source of ['virtc-share:1', 'virtc-share:-1', 'virtc-share:x', 'virtc-share:length']) {
  test(`the mount source ${source} names nothing and is refused`, () => {
    const mounts = [{ destination: '/v', source }];
    assert.throws(() => completeSpec({ mounts }, {}, places), { code: 'invalid-argument' });
  });
}

test('a path is below a mount by whole names', () => {
  const spec = { mounts: [{ destination: '/data' }, { destination: '/tmp/' }] };
  for (const path of ['/data', '/data/x', '/tmp', '/tmp/a']) assert.ok(isBelowMount(spec, path));
  for (const path of ['/', '/database', '/dat']) assert.ok(!isBelowMount(spec, path));
});

const initMount = { destination: '/dev/init', source: 'virtc-guest:init' };

test('behind an init the command is its argument, which alone is looked up', () => {
  const see = (args: readonly string[], mounts: readonly object[] = [initMount]) =>
    seenThroughInit({ mounts }, completeProcess(rootFd, { args }, null));
  const process = see(['/dev/init', '--', 'sh', '-c', 'x']);
  assert.equal(process.command, 'sh');
  assert.deepEqual(process.json['args'], ['/dev/init', '--', 'sh', '-c', 'x']);
  assert.equal(see(['/dev/init', '--', '--']).command, '--');
  assert.equal(see(['sh', '--', 'x']).command, 'sh');
  assert.equal(see(['/dev/init', '--', 'x'], []).command, '/dev/init');
  for (const args of [['/dev/init'], ['/dev/init', '--'], ['/dev/init', '-v', 'x']]) {
    assert.throws(() => see(args), { code: 'invalid-argument' });
  }
});

test('a file of the guest’s own is mounted by its name, and no other file is', () => {
  const mounts = [{ ...initMount, options: ['bind', 'ro'] }];
  assert.deepEqual(completeSpec({ mounts }, {}, places)['mounts'], [
    { destination: '/dev/init', source: '/usr/bin/tini', options: ['bind', 'ro'] },
  ]);
  for (const name of ['', '../init', '/etc/passwd', 'constructor', 'init\n']) {
    const wrong = [{ destination: '/x', source: `virtc-guest:${name}` }];
    assert.throws(() => completeSpec({ mounts: wrong }, {}, places), { code: 'invalid-argument' });
  }
});
