// Tests of what the words and flags of `virtc run` mean.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxPidsLimit } from '../../../model/limits.js';
import { parseContainerOptions } from '../../../model/parse/container-options.js';
import { type RunFlags, toRunRequest } from './run-request.js';

const surroundings = {
  cwd: '/home/me',
  environment: { HOME: '/home/me', EMPTY: '' },
  fileEntries: [],
};
const rootfs = '/srv/debian';

/** The part of the container's options that a flag adds to the plainest request. */
function container(flags: RunFlags, words: readonly string[] = ['true']) {
  return toRunRequest(words, { rootfs, ...flags }, surroundings).container;
}

test('a root and a command are enough: no input, no limits, an id that pod and container share', () => {
  const {
    pod,
    container: options,
    ...rest
  } = toRunRequest(['echo', 'hi'], { rootfs }, surroundings);
  assert.match(String(pod.id), /^[0-9a-f]{12}$/);
  assert.deepEqual(options, {
    id: pod.id,
    rootfs,
    command: ['echo', 'hi'],
    env: {},
    mounts: [],
    stdin: false,
  });
  assert.deepEqual(rest, {
    inPod: null,
    interactive: false,
    tty: false,
    timeoutMs: null,
    accelerator: undefined,
  });
});

const meanings: readonly [string, RunFlags, object][] = [
  ['-i', { interactive: true }, { stdin: true }],
  ['-w', { workdir: '/work' }, { cwd: '/work' }],
  ['-u', { user: 'nobody:nogroup' }, { user: 'nobody:nogroup' }],
  ['-m', { memory: '512m' }, { memoryMiB: '536870912B' }],
  ['--cpus', { cpus: '1.5' }, { cpus: 1.5 }],
  ['--name', { name: 'web-1' }, { id: 'web-1' }],
  ['a relative --rootfs', { rootfs: 'root' }, { rootfs: '/home/me/root' }],
  ['-e with a value', { env: ['A=1', 'B=', 'C=x=y'] }, { env: { A: '1', B: '', C: 'x=y' } }],
  ['-e with a name', { env: ['HOME', 'EMPTY', 'UNSET'] }, { env: { HOME: '/home/me', EMPTY: '' } }],
  ['a repeated -e', { env: ['A=1', 'A=2'] }, { env: { A: '2' } }],
  ['-h', { hostname: 'my_host' }, { hostname: 'my_host' }],
  ['--read-only', { readOnly: true }, { readOnlyRootfs: true }],
  ['--init', { init: true }, { init: true }],
  [
    '--writes',
    { writes: 'host', rootfs: 'r' },
    { rootfs: { kind: 'directory', path: '/home/me/r', writes: 'host' } },
  ],
  ['--cap-drop', { capDrop: ['ALL'] }, { capabilities: [] }],
  [
    '--ulimit',
    { ulimit: ['core=0:-1'] },
    { rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 'unlimited' }] },
  ],
  [
    '-v with --tmpfs',
    { tmpfs: ['/t'], volume: ['/s:/s'] },
    {
      mounts: [
        { kind: 'bind', source: '/s', destination: '/s', readOnly: false },
        { kind: 'tmpfs', destination: '/t', options: ['noexec'] },
      ],
    },
  ],
  [
    '-v',
    { volume: ['./src:/src:ro'] },
    {
      mounts: [{ kind: 'bind', source: '/home/me/src', destination: '/src', readOnly: true }],
    },
  ],
  ['--pids-limit', { pidsLimit: '64' }, { pidsLimit: 64 }],
  ['--pids-limit -1', { pidsLimit: '-1' }, { pidsLimit: maxPidsLimit }],
  [
    '--label',
    { label: ['a=1', 'b', 'c=x=y', 'a=2', '__proto__=z'] },
    {
      labels: Object.fromEntries([
        ['a', '2'],
        ['b', ''],
        ['c', 'x=y'],
        ['__proto__', 'z'],
      ]),
    },
  ],
  ['--network none', { network: 'none' }, { mounts: [] }],
  ['--entrypoint', { entrypoint: 'sh' }, { command: ['sh', 'true'] }],
  ['an empty --entrypoint', { entrypoint: '' }, { command: ['true'] }],
];
for (const [title, flags, expected] of meanings) {
  test(`${title} becomes options of the container`, () => {
    const options: Readonly<Record<string, unknown>> = { ...container(flags) };
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(options[key], value);
  });
}

test('what -e says holds over what --env-file says, and a name alone is passed on by both', () => {
  const { env } = toRunRequest(
    ['true'],
    { rootfs, env: ['A=flag', 'B'] },
    { ...surroundings, fileEntries: ['A=file', 'B=file', 'HOME', 'UNSET', 'C=1'] },
  ).container;
  assert.deepEqual(env, { A: 'flag', B: 'file', HOME: '/home/me', C: '1' });
});

test('--timeout and --hypervisor are the run’s own', () => {
  const request = toRunRequest(
    ['true'],
    { rootfs, timeout: '2s', hypervisor: 'tcg' },
    surroundings,
  );
  assert.deepEqual([request.timeoutMs, request.accelerator], [2000, 'tcg']);
});

test('--entrypoint is command enough, and labels are those of the pod too', () => {
  const flags = { rootfs, entrypoint: 'sh', label: ['a=1'] };
  const { pod, container: asked } = toRunRequest([], flags, surroundings);
  assert.deepEqual([asked.command, asked.labels, pod.labels], [['sh'], { a: '1' }, { a: '1' }]);
});

test('a variable called __proto__ is a variable', () => {
  assert.deepEqual(Object.entries(container({ env: ['__proto__=x'] }).env ?? {}), [
    ['__proto__', 'x'],
  ]);
});

test('the library takes what all flags together give', async () => {
  const options = container({
    interactive: true,
    env: ['A=1'],
    workdir: '/w',
    user: '1000:1000',
    volume: ['/a b,c:/d:ro'],
    memory: '100.5m',
    cpus: '.5',
    name: 'x',
  });
  const config = await parseContainerOptions(options);
  assert.deepEqual(config.resources, { memoryBytes: 105_381_888, cpus: 0.5, pids: 4096 });
  assert.equal(config.process.stdin, true);
});

const refused: readonly [string, readonly string[], RunFlags, string, RegExp][] = [
  ['an image', ['alpine', 'sh'], {}, 'unsupported', /^cannot run image "alpine": .*no images yet/],
  ['nothing at all', [], {}, 'invalid-argument', /no --rootfs given/],
  ['an empty root', ['sh'], { rootfs: '' }, 'invalid-argument', /no --rootfs given/],
  ['no command', [], { rootfs }, 'invalid-argument', /no command given/],
  ['a variable without a name', ['sh'], { rootfs, env: ['=x'] }, 'invalid-argument', /no name/],
  [
    'another hypervisor',
    ['sh'],
    { rootfs, hypervisor: 'kvmm' },
    'invalid-argument',
    /^cannot use --hypervisor "kvmm": it must be auto, kvm or tcg$/,
  ],
  [
    'another place for writes',
    ['sh'],
    { rootfs, writes: '' },
    'invalid-argument',
    /^cannot use --writes "": it must be host or discard$/,
  ],
  [
    'a network',
    ['sh'],
    { rootfs, network: 'host' },
    'unsupported',
    /^cannot use --network "host": .*no networks yet/,
  ],
  ['a label without a name', ['sh'], { rootfs, label: ['=x'] }, 'invalid-argument', /--label "=x"/],
  [
    'a limit of text',
    ['sh'],
    { rootfs, pidsLimit: '1e3' },
    'invalid-argument',
    /--pids-limit "1e3"/,
  ],
  [
    'a limit beyond the kernel',
    ['sh'],
    { rootfs, pidsLimit: '4194305' },
    'invalid-argument',
    /up to 4194304$/,
  ],
  ['an escaping name', ['sh'], { rootfs, name: '../x' }, 'invalid-argument', /container id/],
  ['an empty name', ['sh'], { rootfs, name: '' }, 'invalid-argument', /container id/],
];
for (const [title, words, flags, code, message] of refused) {
  test(`${title} is refused`, () => {
    assert.throws(() => toRunRequest(words, flags, surroundings), { code, message });
  });
}
