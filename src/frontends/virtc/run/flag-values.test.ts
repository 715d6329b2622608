// Tests of the values of `--tmpfs`, `--cap-add`, `--cap-drop`, `--ulimit`, `--timeout`: docker's meanings, and what is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtcontainersError } from '../../../base/errors.js';
import { allCapabilities, defaultCapabilities } from '../../../model/capabilities.js';
import { parseContainerOptions } from '../../../model/parse/container-options.js';
import { toCapabilities } from './capabilities.js';
import { inFlags } from './in-flags.js';
import { toTimeoutMs } from './sizes.js';
import { toTmpfsMounts } from './tmpfs.js';
import { toRlimits, ulimitNames } from './ulimit.js';

const tmpfs: readonly [readonly string[], readonly [string, ...string[]][]][] = [
  [['/run'], [['/run', 'noexec']]],
  [['/run:'], [['/run', 'noexec']]],
  [['/a/../run/:size=64m,mode=755,exec'], [['/run', 'noexec', 'size=64m', 'mode=755', 'exec']]],
  [
    ['/a', '/b:ro', '/a:rw'],
    [
      ['/a', 'noexec', 'rw'],
      ['/b', 'noexec', 'ro'],
    ],
  ],
];
for (const [texts, expected] of tmpfs) {
  test(`--tmpfs ${texts.join(' ')}`, () => {
    assert.deepEqual(
      toTmpfsMounts(texts),
      expected.map(([destination, ...options]) => ({ kind: 'tmpfs', destination, options })),
    );
  });
}

const without = (...names: readonly string[]) =>
  defaultCapabilities.filter((name) => !names.includes(name));
const capabilities: readonly [
  add: readonly string[],
  drop: readonly string[],
  expected: readonly string[] | undefined,
][] = [
  [[], [], undefined],
  [['NET_ADMIN'], [], [...defaultCapabilities, 'CAP_NET_ADMIN']],
  [['cap_net_admin', ' NET_ADMIN '], [], [...defaultCapabilities, 'CAP_NET_ADMIN']],
  [['CHOWN'], [], defaultCapabilities],
  [[], ['CHOWN', 'CAP_KILL'], without('CAP_CHOWN', 'CAP_KILL')],
  [[], ['NET_ADMIN'], defaultCapabilities],
  [['all'], [], allCapabilities],
  [['ALL'], ['CHOWN'], allCapabilities.slice(1)],
  [['ALL', 'CHOWN'], ['CHOWN'], allCapabilities.slice(1)],
  [[], ['ALL'], []],
  [['KILL', 'CHOWN'], ['ALL'], ['CAP_KILL', 'CAP_CHOWN']],
  [['CHOWN'], ['CHOWN'], [...without('CAP_CHOWN'), 'CAP_CHOWN']],
  [['ALL'], ['ALL', 'CHOWN'], allCapabilities],
];
for (const [add, drop, expected] of capabilities) {
  test(`--cap-add ${add.join() || 'nothing'} with --cap-drop ${drop.join() || 'nothing'}`, () => {
    assert.deepEqual(toCapabilities(add, drop), expected);
  });
}

const ulimits: readonly [readonly string[], readonly [string, unknown, unknown][]][] = [
  [['nofile=1024'], [['RLIMIT_NOFILE', 1024, 1024]]],
  [['nofile=1024:2048'], [['RLIMIT_NOFILE', 1024, 2048]]],
  [['core=-1'], [['RLIMIT_CORE', 'unlimited', 'unlimited']]],
  [['core=0:-1'], [['RLIMIT_CORE', 0, 'unlimited']]],
  [['core=+5'], [['RLIMIT_CORE', 5, 5]]],
  [['cpu=1', 'cpu=2'], [['RLIMIT_CPU', 2, 2]]],
];
for (const [texts, expected] of ulimits) {
  test(`--ulimit ${texts.join(' ')}`, async () => {
    const rlimits = toRlimits(texts);
    assert.deepEqual(
      rlimits,
      expected.map(([type, soft, hard]) => ({ type, soft, hard })),
    );
    const config = await parseContainerOptions({ rootfs: '/r', command: ['x'], rlimits });
    assert.deepEqual(config.rlimits, rlimits);
  });
}

test('the limits are those that docker has', () => {
  assert.deepEqual([...ulimitNames].sort(), [
    ...['core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc'],
    ...['rss', 'rtprio', 'rttime', 'sigpending', 'stack'],
  ]);
});

const timeouts: readonly [string, number][] = [
  ['30s', 30_000],
  ['1.5m', 90_000],
  ['1h30m', 5_400_000],
  ['250ms', 250],
  ['0.1ms', 1],
  ['500h', 1_800_000_000],
];
for (const [text, expected] of timeouts) {
  test(`--timeout ${text} is ${expected} ms`, () => assert.equal(toTimeoutMs(text), expected));
}

const refused: readonly [() => unknown, string, hint?: string][] = [
  [
    () => toTmpfsMounts(['run']),
    '--tmpfs "run": the path in the container must be absolute, not "run"',
  ],
  [() => toTmpfsMounts(['']), '--tmpfs "": the path in the container must be absolute, not ""'],
  [() => toTmpfsMounts(['/a/..']), '--tmpfs "/a/..": it must not be the root itself'],
  [
    () => toTmpfsMounts(['/a:sise=1m']),
    '--tmpfs "/a:sise=1m": option "sise=1m" is no option of a tmpfs',
    'did you mean size=?',
  ],
  [
    () => toTmpfsMounts(['/a:rw,noexek']),
    '--tmpfs "/a:rw,noexek": option "noexek" is no option of a tmpfs',
    'did you mean noexec?',
  ],
  [
    () => toTmpfsMounts(['/a:size=64mb']),
    '--tmpfs "/a:size=64mb": option "size=64mb" must have as its value a number of bytes, with k, m, g or % behind it if need be',
    'for example size=64m,mode=1777',
  ],
  [() => toTmpfsMounts(['/a:rw,,ro']), '--tmpfs "/a:rw,,ro": option "" is no option of a tmpfs'],
  [
    () => toCapabilities(['NET_ADMN'], []),
    '--cap-add "NET_ADMN": it must be the name of a capability, or ALL',
    'did you mean NET_ADMIN?',
  ],
  [
    () => toCapabilities([], ['CAP_ALL']),
    '--cap-drop "CAP_ALL": it must be the name of a capability, or ALL',
    'did you mean ALL?',
  ],
  [() => toCapabilities([''], []), '--cap-add "": it must be the name of a capability, or ALL'],
  [
    () => toRlimits(['nofiles=1']),
    '--ulimit "nofiles=1": it must begin with the name of a limit, not "nofiles"',
    'did you mean nofile?',
  ],
  [() => toRlimits(['as=1']), '--ulimit "as=1": it must begin with the name of a limit, not "as"'],
  [() => toRlimits(['']), '--ulimit "": it must begin with the name of a limit, not ""'],
  [() => toRlimits(['nofile']), '--ulimit "nofile": it has no number behind the name'],
  [
    () => toRlimits(['nofile=1:2:3']),
    '--ulimit "nofile=1:2:3": it must have at most two numbers, SOFT and HARD',
  ],
  [
    () => toRlimits(['nofile=2:1']),
    '--ulimit "nofile=2:1": the soft limit must not be above the hard limit',
  ],
  [
    () => toRlimits(['nofile=-1:1']),
    '--ulimit "nofile=-1:1": the soft limit must not be above the hard limit',
  ],
  ...['', ':', '1:', 'x', '1k', '-2', '1e3', '9'.repeat(16), 'unlimited'].map(
    (value): [() => unknown, string] => [
      () => toRlimits([`nofile=${value}`]),
      `--ulimit "nofile=${value}": a limit must be a whole number from 0 to 9007199254740991, or -1`,
    ],
  ),
  [
    () => toTimeoutMs('30'),
    '--timeout "30": it must be a duration above 0 and up to 24 days',
    'with its unit, for example 30s',
  ],
  ...['', '0s', '-1s', 's', '1d', '1s ', '1s\n', '999h', '1s2', 'NaNs'].map(
    (value): [() => unknown, string, string] => [
      () => toTimeoutMs(value),
      `--timeout ${JSON.stringify(value)}: it must be a duration above 0 and up to 24 days`,
      'write for example 500ms, 30s or 1h30m',
    ],
  ),
];
for (const [work, message, hint] of refused) {
  test(`${message.split(':')[0]} is refused`, () => {
    assert.throws(work, (error: VirtcontainersError) => {
      assert.equal(error.code, 'invalid-argument');
      assert.equal(error.message, `cannot use ${message}`);
      if (hint !== undefined) assert.equal(error.hint, hint);
      return true;
    });
  });
}

const retold: readonly [object, string][] = [
  [{ cwd: 'x' }, "cannot use --workdir: it must be an absolute path without NUL, not 'x'"],
  [{ hostname: '-' }, 'cannot use --hostname: it must be 1 to 64 letters'],
  [
    { mounts: [{ kind: 'bind', source: '/a', destination: '/' }] },
    'cannot use --volume "/a:/": destination must be below the root, not \'/\'',
  ],
  [
    {
      mounts: [
        { kind: 'tmpfs', destination: '/a' },
        { kind: 'tmpfs', destination: '/a' },
      ],
    },
    "cannot use --volume and --tmpfs: it must name each only once, not '/a' twice",
  ],
  [{ cpus: 99 }, 'cannot use --cpus: it must be a number from 0.01 to 32, not 99'],
];
for (const [options, message] of retold) {
  test(`what the library refuses is told by its flag: ${message.slice(0, 30)}`, async () => {
    const error = await parseContainerOptions({ rootfs: '/r', command: ['x'], ...options }).then(
      () => assert.fail('it was not refused'),
      (failure: unknown) => inFlags(failure, { volume: ['/a:/'] }),
    );
    assert.ok(error instanceof Error && error.message.startsWith(message), String(error));
  });
}
