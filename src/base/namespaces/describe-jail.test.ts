// Tests of a jail's description: the user and the rights that it will have on hosts of each kind.
import assert from 'node:assert/strict';
import { existsSync, lstatSync } from 'node:fs';
import { test } from 'node:test';
import { describeJail } from './describe-jail.js';
import type { JailSpec } from './jail-spec.js';

const spec: JailSpec = {
  argv: ['/usr/bin/qemu', '-x'],
  env: {},
  cwd: '/pod/vm',
  readOnlyPaths: ['/image'],
  writablePaths: ['/pod/vm'],
  exports: ['/pod/share'],
  devices: ['null', 'kvm'],
  needsFileCapabilities: true,
};
const four = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'];

const users: readonly [
  files: boolean,
  userNamespace: boolean,
  idmappedBinds: boolean,
  expected: { readonly hostUid: number; readonly uid: number },
  namespace: boolean,
][] = [
  [true, true, true, { hostUid: 200_000, uid: 0 }, true],
  [true, true, false, { hostUid: 0, uid: 0 }, false],
  [true, false, false, { hostUid: 0, uid: 0 }, false],
  [false, true, true, { hostUid: 200_000, uid: 0 }, true],
  [false, true, false, { hostUid: 200_000, uid: 0 }, true],
  [false, false, false, { hostUid: 200_000, uid: 200_000 }, false],
];
for (const [files, userNamespace, idmappedBinds, expected, namespace] of users) {
  const host = `${userNamespace ? 'with' : 'without'} user namespaces and ${idmappedBinds ? 'with' : 'without'} mapped ids`;
  test(`${files ? 'serving files' : 'serving none'} ${host}`, () => {
    const jail = describeJail(
      { ...spec, needsFileCapabilities: files },
      { userNamespace, idmappedBinds },
    );
    assert.deepEqual(jail.user, expected);
    assert.deepEqual(jail.capabilities, files ? four : []);
    assert.equal(jail.namespaces.includes('user'), namespace);
    for (const name of ['mount', 'pid', 'network', 'ipc', 'uts']) {
      assert.ok(jail.namespaces.includes(name), name);
    }
  });
}

test('its binds are those of the specification, behind the host’s own packages', () => {
  const jail = describeJail(spec, { userNamespace: true, idmappedBinds: true });
  const { readOnlyBinds, writableBinds, exports, devices, workingDirectory } = jail;
  assert.deepEqual(
    { writableBinds, exports, devices, workingDirectory, last: readOnlyBinds.at(-1) },
    {
      writableBinds: ['/pod/vm'],
      exports: ['/pod/share'],
      devices: ['/dev/null', '/dev/kvm'],
      workingDirectory: '/pod/vm',
      last: '/image',
    },
  );
  const system = readOnlyBinds.slice(0, -1);
  assert.ok(system.includes('/usr/bin') && !system.includes('/usr/local'));
  for (const bind of system) assert.ok(existsSync(bind) && !lstatSync(bind).isSymbolicLink(), bind);
});

test('the files that it inherits are told, and that there are none', () => {
  const isolation = { userNamespace: true, idmappedBinds: true };
  assert.deepEqual(describeJail(spec, isolation).inherited, []);
  const jail = describeJail({ ...spec, inherited: ['/template/state'] }, isolation);
  assert.deepEqual(jail.inherited, ['/template/state']);
  assert.ok(!jail.readOnlyBinds.includes('/template/state'));
});

test('a program of the host’s own people brings their tree along', () => {
  const own = { ...spec, argv: ['/usr/local/bin/qemu'] };
  const jail = describeJail(own, { userNamespace: true, idmappedBinds: true });
  assert.ok(jail.readOnlyBinds.includes('/usr/local'));
});
