// Tests of finding cgroup hierarchies, by tables of what hosts show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findHierarchies, withAncestors } from './hierarchies.js';

const v2 = (root: string, place: string): string =>
  `30 25 0:26 ${root} ${place} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate`;
const v1 = (root: string, controllers: string): string =>
  `36 31 0:33 ${root} /sys/fs/cgroup/${controllers} rw,relatime - cgroup cgroup rw,${controllers}`;

const cases = [
  {
    title: 'a host with the unified hierarchy alone, in a session of systemd',
    mountinfo: ['22 27 0:21 / /proc rw - proc proc rw', v2('/', '/sys/fs/cgroup')],
    memberships: '0::/user.slice/user-0.slice/session-3.scope\n',
    expected: [[2, '', '/sys/fs/cgroup/user.slice/user-0.slice/session-3.scope']],
  },
  {
    title: 'a hybrid host: version 1 with limits, version 2 beside it',
    mountinfo: [v1('/', 'memory'), v1('/', 'pids'), v2('/', '/sys/fs/cgroup/unified')],
    memberships: '8:pids:/\n4:memory:/api/a1\n0::/\n',
    expected: [
      [1, 'memory', '/sys/fs/cgroup/memory/api/a1'],
      [1, 'pids', '/sys/fs/cgroup/pids'],
      [2, '', '/sys/fs/cgroup/unified'],
    ],
  },
  {
    title: 'controllers that share a hierarchy',
    mountinfo: [v1('/', 'cpu,cpuacct')],
    memberships: '3:cpu,cpuacct:/a\n',
    expected: [[1, 'cpu,cpuacct', '/sys/fs/cgroup/cpu,cpuacct/a']],
  },
  {
    title: 'a container that sees its own part of a hierarchy',
    mountinfo: [v2('/docker/abc', '/sys/fs/cgroup')],
    memberships: '0::/docker/abc/inner\n',
    expected: [[2, '', '/sys/fs/cgroup/inner']],
  },
  {
    title: 'a path outside of what is mounted',
    mountinfo: [v2('/docker/abc', '/sys/fs/cgroup')],
    memberships: '0::/../other\n',
    expected: [[2, '', '/sys/fs/cgroup']],
  },
  {
    title: 'a hierarchy that is mounted in two places, once',
    mountinfo: [v2('/', '/sys/fs/cgroup'), v1('/', 'pids'), v2('/', '/other'), v1('/', 'pids')],
    memberships: '8:pids:/\n0::/x\n',
    expected: [
      [2, '', '/sys/fs/cgroup/x'],
      [1, 'pids', '/sys/fs/cgroup/pids'],
    ],
  },
  {
    title: 'a mount point with a blank',
    mountinfo: [v2('/', '/mnt/a\\040b')],
    memberships: '0::/x\n',
    expected: [[2, '', '/mnt/a b/x']],
  },
  {
    title: 'no cgroups',
    mountinfo: ['1 1 0:1 / / rw - ext4 /dev/sda rw'],
    memberships: '',
    expected: [],
  },
  { title: 'garbage', mountinfo: ['', 'x', '- - -'], memberships: 'x\n::\n0::\n', expected: [] },
];

for (const { title, mountinfo, memberships, expected } of cases) {
  test(`found: ${title}`, () => {
    const found = findHierarchies(mountinfo.join('\n'), memberships);
    assert.deepEqual(
      found.map(({ version, controllers, own }) => [version, controllers.join(','), own]),
      expected,
    );
  });
}

test('the ancestors of a cgroup end at the mount point', () => {
  const hierarchy = { version: 2, controllers: [], mountPoint: '/m', own: '/m/a/b' } as const;
  assert.deepEqual(withAncestors(hierarchy), ['/m/a/b', '/m/a', '/m']);
  assert.deepEqual(withAncestors({ ...hierarchy, own: '/m' }), ['/m']);
});
