// Tests of the specification that the guest gets: everything of the configuration is in it, exactly once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCapabilities, defaultCapabilities } from '../model/capabilities.js';
import type { ContainerConfig } from '../model/container-config.js';
import { toSeccomp } from './seccomp.js';
import { toGuestProcess, toGuestSpec } from './to-guest-spec.js';

const config: ContainerConfig & { readonly hostname: string } = {
  id: 'c',
  rootfs: { kind: 'directory', path: '/root', writes: 'discard' },
  readOnlyRootfs: true,
  process: {
    command: ['sh', '-c', 'a=b'],
    env: { A: 'x=y', EMPTY: '' },
    cwd: '/srv',
    user: 'www:web',
    terminal: { columns: 100, rows: 30 },
    stdin: true,
  },
  init: false,
  hostname: 'box',
  mounts: [],
  resources: { memoryBytes: 64 * 1024 * 1024, cpus: 1.5, pids: 10 },
  capabilities: ['CAP_CHOWN'],
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
  stopSignal: 'SIGTERM',
  labels: {},
};

test('the process has what its configuration says', () => {
  assert.deepEqual(toGuestSpec(config, [], 'pod').process, {
    terminal: true,
    consoleSize: { height: 30, width: 100 },
    user: { uid: 0, gid: 0, username: 'www:web' },
    args: ['sh', '-c', 'a=b'],
    env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOSTNAME=box',
      'TERM=xterm',
      'A=x=y',
      'EMPTY=',
    ],
    cwd: '/srv',
    capabilities: {
      bounding: ['CAP_CHOWN'],
      effective: ['CAP_CHOWN'],
      permitted: ['CAP_CHOWN'],
      inheritable: [],
      ambient: [],
    },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
    noNewPrivileges: false,
  });
});

test('a process added by exec loses nothing of what its container has', () => {
  const init = toGuestSpec(config, [], 'pod').process;
  assert.deepEqual(toGuestProcess(config.process, config), init);
  const added = toGuestProcess({ ...config.process, command: ['ls'], terminal: null }, config);
  const { terminal, consoleSize, args, env, ...same } = added;
  const { terminal: t, consoleSize: s, args: a, env: e, ...expected } = init;
  assert.deepEqual(same, expected);
  assert.deepEqual(
    [terminal, consoleSize, args, t, s, a.length],
    [false, undefined, ['ls'], true, { height: 30, width: 100 }, 3],
  );
  assert.deepEqual(
    env,
    e.filter((entry) => entry !== 'TERM=xterm'),
  );
});

test('an environment wins over the defaults', () => {
  const process = { ...config.process, env: { PATH: '/only', TERM: 'vt100', HOSTNAME: 'mine' } };
  assert.deepEqual(toGuestProcess(process, config).env, [
    ...['PATH=/only', 'HOSTNAME=mine', 'TERM=vt100'],
  ]);
});

const users: readonly [string, number, number][] = [
  ['0', 0, 0],
  ['1000', 1000, 0],
  ['1000:50', 1000, 50],
  ['www:50', 0, 50],
  ['4294967294:0', 4294967294, 0],
  ['4294967295:0', 0, 0],
];
for (const [user, uid, gid] of users) {
  test(`the user ${user} is numbers as far as it goes, and text for the guest to look up`, () => {
    const { user: actual } = toGuestProcess({ ...config.process, user }, config);
    assert.deepEqual(actual, { uid, gid, username: user });
  });
}

test('limits are those of the configuration, and none where it has none', () => {
  const { resources } = toGuestSpec(config, [], 'pod').linux;
  assert.deepEqual(resources.memory, { limit: 67108864, swap: 67108864 });
  assert.deepEqual(resources.cpu, { quota: 150_000, period: 100_000 });
  assert.deepEqual(resources.pids, { limit: 10 });
  const free = { ...config, resources: { memoryBytes: null, cpus: null, pids: 4096 } };
  assert.deepEqual(Object.keys(toGuestSpec(free, [], 'pod').linux.resources), ['devices', 'pids']);
  const little = { ...config, resources: { memoryBytes: null, cpus: 0.001, pids: 1 } };
  assert.equal(toGuestSpec(little, [], 'pod').linux.resources.cpu?.quota, 1000);
});

test('the container shares the network of its VM and nothing else', () => {
  const { namespaces } = toGuestSpec(config, [], 'pod').linux;
  assert.deepEqual(namespaces.map(({ type }) => type).sort(), [
    'cgroup',
    'ipc',
    'mount',
    'pid',
    'uts',
  ]);
});

test("mounts come after the system's, outer before inner, and replace what is at the same place", () => {
  const { mounts } = toGuestSpec(
    config,
    [
      { kind: 'share', destination: '/data/inner', index: 0, readOnly: true },
      { kind: 'share', destination: '/data', index: 1, readOnly: false },
      {
        kind: 'tmpfs',
        destination: '/dev/shm',
        sizeBytes: 4096,
        options: ['noexec', 'mode=700', 'size=50%'],
      },
      { kind: 'tmpfs', destination: '/scratch', sizeBytes: null, options: [] },
    ],
    'pod',
  );
  const places = mounts.map(({ destination }) => destination);
  assert.equal(new Set(places).size, places.length);
  assert.ok(places.indexOf('/data') < places.indexOf('/data/inner'));
  assert.ok(places.indexOf('/dev') < places.indexOf('/dev/shm'));
  const at = (place: string) => mounts.find(({ destination }) => destination === place);
  assert.deepEqual(at('/data/inner'), {
    destination: '/data/inner',
    type: 'bind',
    source: 'virtc-share:0',
    options: ['rbind', 'rprivate', 'nodev', 'ro'],
  });
  assert.equal(at('/data')?.options.at(-1), 'rw');
  assert.deepEqual(at('/dev/shm')?.options, [
    ...['nosuid', 'nodev', 'noexec', 'mode=700', 'size=50%'],
  ]);
  assert.deepEqual(at('/scratch')?.options, ['nosuid', 'nodev', 'mode=1777']);
  assert.deepEqual(at('/sys')?.options.includes('ro'), true);
  assert.deepEqual(at('/sys/fs/cgroup')?.options.includes('ro'), true);
});

test('a limit that is none is the -1 that crun reads as such', () => {
  const rlimits = [{ type: 'RLIMIT_CORE', soft: 0, hard: 'unlimited' as const }];
  assert.deepEqual(toGuestProcess(config.process, { ...config, rlimits }).rlimits, [
    { type: 'RLIMIT_CORE', soft: 0, hard: -1 },
  ]);
});

test("the root is read-only only if asked, and the hostname is the pod's if it has none", () => {
  assert.deepEqual(toGuestSpec(config, [], 'pod').root, { path: 'rootfs', readonly: true });
  assert.equal(toGuestSpec(config, [], 'pod').hostname, 'box');
  assert.equal(toGuestSpec({ ...config, hostname: null }, [], 'pod').hostname, 'pod');
});

test('the seccomp profile allows by name, refuses what reaches the kernel, and answers ENOSYS to what is new', () => {
  const profile = toSeccomp(defaultCapabilities);
  const [allowed, denied] = profile.syscalls;
  assert.equal(profile.defaultErrnoRet, 38);
  for (const name of [
    'read',
    'execve',
    'chroot',
    'futex',
    'socketpair',
    'rt_sigreturn',
    'mknodat',
  ]) {
    assert.ok(allowed?.names.includes(name), name);
  }
  for (const name of [
    'mount',
    'bpf',
    'keyctl',
    'init_module',
    'setns',
    'unshare',
    'kexec_load',
    'reboot',
    'io_uring_setup',
    'userfaultfd',
    'ptrace_nothing',
  ]) {
    assert.ok(!allowed?.names.includes(name), name);
    if (name !== 'ptrace_nothing') assert.ok(denied?.names.includes(name), name);
  }
  const all = profile.syscalls.flatMap(({ names }) => names);
  assert.ok(!all.includes('clone3'), 'clone3 hides its flags: ENOSYS makes C libraries use clone');
  assert.equal(
    new Set([...(allowed?.names ?? []), ...(denied?.names ?? [])]).size,
    (allowed?.names.length ?? 0) + (denied?.names.length ?? 0),
  );
  assert.deepEqual(profile.syscalls.find(({ names }) => names.includes('clone'))?.args, [
    { index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' },
  ]);
});

test('a capability brings the system calls that it is for', () => {
  const names = (capabilities: readonly string[]) =>
    toSeccomp(capabilities).syscalls[0]?.names ?? [];
  assert.ok(names(['CAP_SYS_ADMIN']).includes('mount'));
  assert.ok(names(['CAP_SYS_ADMIN']).includes('clone3'));
  assert.ok(names(['CAP_SYS_TIME']).includes('clock_settime'));
  assert.ok(!names([]).includes('chroot'));
  const every = toSeccomp(allCapabilities);
  assert.ok(!every.syscalls[0]?.names.includes('kexec_load'));
});

test('a specification is small enough to be read in the guest at once', () => {
  assert.ok(JSON.stringify(toGuestSpec(config, [], 'pod')).length < 16 * 1024);
});

test('an init comes before the command, as a file of the guest’s own that is bound last', () => {
  const mounts = [{ kind: 'tmpfs', destination: '/run', sizeBytes: null, options: [] }] as const;
  const plain = toGuestSpec(config, mounts, 'pod');
  const spec = toGuestSpec({ ...config, init: true }, mounts, 'pod');
  assert.deepEqual(spec.process, {
    ...plain.process,
    args: ['/dev/init', '--', 'sh', '-c', 'a=b'],
  });
  assert.deepEqual(spec.mounts.slice(0, -1), plain.mounts);
  assert.deepEqual(spec.mounts.at(-1), {
    destination: '/dev/init',
    type: 'bind',
    source: 'virtc-guest:init',
    options: ['bind', 'rprivate', 'nosuid', 'nodev', 'ro'],
  });
  // What exec adds is nobody's child.
  assert.deepEqual(toGuestProcess(config.process, config).args, config.process.command);
});

test('HOSTNAME is the name that the container has', () => {
  const hostnameIn = (env: readonly string[]) =>
    env.filter((entry) => entry.startsWith('HOSTNAME='));
  const { env } = toGuestSpec({ ...config, hostname: null }, [], 'pod').process;
  assert.deepEqual(hostnameIn(env), ['HOSTNAME=pod']);
  assert.deepEqual(hostnameIn(toGuestSpec(config, [], 'pod').process.env), ['HOSTNAME=box']);
});
