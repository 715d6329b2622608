// Tests of the options' parsing: defaults, refusals that name option, rule and value, and checks across options.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ContainerConfig } from '../container-config.js';
import { durationRule } from '../parse-duration.js';
import { sizeRule } from '../parse-size.js';
import { parseLinesOptions, parseOutputOptions } from './command-options.js';
import { parseContainerOptions, parseContainerRunOptions } from './container-options.js';
import {
  parseDeleteOptions,
  parsePodOptions,
  parseSignal,
  parseStopOptions,
  parseTerminalSize,
} from './pod-options.js';
import { parseExecOptions, parseRunOptions } from './process-options.js';
import { checkRuntimeOptions } from './runtime-options.js';
import { parseBuildTemplateOptions, parsePruneTemplatesOptions } from './template-options.js';

const least = { id: 'c', rootfs: '/root', command: ['sh'] };

test("a container has docker's defaults where nothing else is asked", async () => {
  const config = await parseContainerOptions({ ...least, cpus: undefined });
  const expected: ContainerConfig = {
    id: 'c',
    rootfs: { kind: 'directory', path: '/root', writes: 'discard' },
    readOnlyRootfs: false,
    process: { command: ['sh'], env: {}, cwd: '/', user: '0', terminal: null, stdin: false },
    init: false,
    hostname: null,
    mounts: [],
    resources: { memoryBytes: null, cpus: null, pids: 4096 },
    capabilities: config.capabilities,
    rlimits: [],
    stopSignal: 'SIGTERM',
    labels: {},
  };
  assert.deepEqual(config, expected);
  assert.equal(config.capabilities.length, 14);
});

test('every option of a container arrives', async () => {
  const config = await parseContainerOptions({
    id: 'web.1',
    rootfs: { kind: 'directory', path: 'relative/root', writes: 'host' },
    command: ['node', '', 'a b'],
    env: { EMPTY: '', A: 'b=c' },
    cwd: '/srv/../srv/app/',
    user: 'www:web',
    terminal: true,
    stdin: true,
    readOnlyRootfs: true,
    hostname: 'a-b.example',
    mounts: [
      { kind: 'bind', source: './data, with comma', destination: '/data/', readOnly: true },
      { kind: 'tmpfs', destination: '/scratch', sizeBytes: '1MiB', options: ['noexec'] },
    ],
    memoryMiB: '1.5GiB',
    cpus: 0.5,
    pidsLimit: 10,
    capabilities: [],
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
    stopSignal: 'int',
    labels: { 'com.example/x': '1' },
    signal: new AbortController().signal,
  });
  assert.deepEqual(config.rootfs, {
    kind: 'directory',
    path: path.resolve('relative/root'),
    writes: 'host',
  });
  assert.deepEqual(config.process, {
    command: ['node', '', 'a b'],
    env: { EMPTY: '', A: 'b=c' },
    cwd: '/srv/app',
    user: 'www:web',
    terminal: { columns: 80, rows: 24 },
    stdin: true,
  });
  assert.deepEqual(config.mounts, [
    {
      kind: 'bind',
      source: path.resolve('data, with comma'),
      destination: '/data',
      readOnly: true,
    },
    { kind: 'tmpfs', destination: '/scratch', sizeBytes: 1024 * 1024, options: ['noexec'] },
  ]);
  assert.deepEqual(config.resources, { memoryBytes: 1.5 * 1024 ** 3, cpus: 0.5, pids: 10 });
  assert.deepEqual(config.capabilities, []);
  assert.equal(config.stopSignal, 'SIGINT');
});

// Options beside the least, and the end of the error's message.
const refused: readonly [Record<string, unknown>, string][] = [
  [{ memory: 1 }, 'unknown option `memory` for a container: did you mean `memoryMiB`?'],
  [{ zzzzzzzz: 1 }, 'unknown option `zzzzzzzz` for a container'],
  [{ '\u001b[2J': 1 }, 'unknown option `\\x1B[2J` for a container'],
  [
    { rootfs: undefined },
    "option `rootfs` must be a directory's path or { kind: 'directory', path, writes }, not undefined",
  ],
  [{ rootfs: '' }, "option `rootfs` must be a path without NUL, not ''"],
  [{ rootfs: '/a\0b' }, "option `rootfs` must be a path without NUL, not '/a\\x00b'"],
  [
    { rootfs: { kind: 'directory', path: '/a', write: 'host' } },
    'unknown option `write` for a root file system: did you mean `writes`? (in `rootfs`)',
  ],
  [
    { rootfs: { kind: 'image', path: '/a' } },
    "option `rootfs.kind` must be 'directory', not 'image'",
  ],
  [
    { rootfs: { kind: 'directory', path: '/a', writes: 'guest' } },
    "option `rootfs.writes` must be 'host' or 'discard', not 'guest'",
  ],
  [
    { command: undefined },
    'option `command` must be a list of texts that begins with a program, not undefined',
  ],
  [
    { command: [] },
    'option `command` must be a list of texts that begins with a program, not an empty list',
  ],
  [{ command: [''] }, 'option `command` must be a list of texts that begins with a program'],
  [
    { command: ['echo', 'é'.repeat(65_536)] },
    `option \`command[1]\` must be text of at most 131071 bytes, not '${'é'.repeat(80)}'... 65456 more characters`,
  ],
  [
    { env: { A: 'x'.repeat(131_070) } },
    'option `env.A` must be at most 131071 bytes long with its name',
  ],
  [
    { command: 'ls -l' },
    "option `command` must be a list of texts that begins with a program, not 'ls -l'",
  ],
  [{ command: ['a', 'b\0'] }, "option `command[1]` must be text without NUL, not 'b\\x00'"],
  [{ env: { 'A=B': 'x' } }, "option `env.A=…` must have a name without '=' and NUL"],
  [{ env: { '': 'x' } }, "option `env.` must have a name without '=' and NUL"],
  [{ env: { A: 'x\0' } }, 'option `env.A` must be text without NUL'],
  [{ env: { A: 1 } }, 'option `env.A` must be text without NUL, not a number'],
  [{ env: ['A=1'] }, 'option `env` must be an object of texts, not a list'],
  [{ cwd: 'tmp' }, "option `cwd` must be an absolute path without NUL, not 'tmp'"],
  [{ user: 'a b' }, "option `user` must be 'user', 'uid', 'user:group' or 'uid:gid', not 'a b'"],
  [{ user: ':1' }, "option `user` must be 'user', 'uid', 'user:group' or 'uid:gid', not ':1'"],
  [{ user: 0 }, "option `user` must be 'user', 'uid', 'user:group' or 'uid:gid', not 0"],
  [
    { terminal: { columns: 0, rows: 1 } },
    'option `terminal.columns` must be a whole number from 1 to 65535, not 0',
  ],
  [
    { terminal: 'yes' },
    "option `terminal` must be true, false or { columns, rows } from 1 to 65535, not 'yes'",
  ],
  [{ stdin: 'yes' }, "option `stdin` must be true or false, not 'yes'"],
  [
    { hostname: '-a' },
    "option `hostname` must be 1 to 64 letters, digits, '-', '_' or '.', each part beginning and ending with something else than '-', not '-a'",
  ],
  [
    { mounts: [{ kind: 'bind', source: '/a', destination: 'b' }] },
    "option `mounts[0].destination` must be an absolute path without NUL, not 'b'",
  ],
  [
    { mounts: [{ kind: 'bind', source: '/a', destination: '/b/..' }] },
    "option `mounts[0].destination` must be below the root, not '/b/..'",
  ],
  [
    { mounts: [{ kind: 'bind', source: '/a', destination: '/b', readonly: true }] },
    'unknown option `readonly` for a bind mount: did you mean `readOnly`? (in `mounts[0]`)',
  ],
  ...['/proc', '/sys/', '/dev/x/..'].map((destination): [Record<string, unknown>, string] => [
    { mounts: [{ kind: 'bind', source: '/a', destination }] },
    `option \`mounts[0].destination\` must be another path than /proc, /sys and /dev, not '${destination}'`,
  ]),
  [
    { mounts: ['/a:/b'] },
    "option `mounts[0]` must be an object whose `kind` is 'bind' or 'tmpfs', not '/a:/b'",
  ],
  [{ mounts: '/a:/b' }, "option `mounts` must be a list of mounts, not '/a:/b'"],
  [{ mounts: [{}] }, "option `mounts[0].kind` must be 'bind' or 'tmpfs', not undefined"],
  [
    { mounts: [{ kind: 'nfs', destination: '/b' }] },
    "option `mounts[0].kind` must be 'bind' or 'tmpfs', not 'nfs'",
  ],
  [
    { mounts: [{ kind: 'tmpfs', destination: '/b', sizeBytes: 1 }] },
    'option `mounts[0].sizeBytes` must be from 4096 bytes to 65536 MiB, not 1',
  ],
  [
    { mounts: [{ kind: 'tmpfs', destination: '/b', options: ['noexek'] }] },
    "option `mounts[0].options[0]` must be a tmpfs mount option such as 'noexec' or 'mode=0700', not 'noexek'",
  ],
  [
    {
      mounts: [
        { kind: 'tmpfs', destination: '/b' },
        { kind: 'tmpfs', destination: '/b/' },
      ],
    },
    "option `mounts` must name each only once, not '/b' twice",
  ],
  [
    { memoryMiB: 5 },
    'option `memoryMiB` must be from 6 MiB (what a container needs to start) to 65344 MiB, not 5',
  ],
  [
    { memoryMiB: 'much' },
    "option `memoryMiB` must be a positive number or text such as '512MiB' (B, KiB, MiB, GiB, KB, MB, GB), not 'much'",
  ],
  [{ cpus: 0 }, 'option `cpus` must be a number from 0.01 to 32, not 0'],
  [{ cpus: 0.009 }, 'option `cpus` must be a number from 0.01 to 32, not 0.009'],
  [{ cpus: 33 }, 'option `cpus` must be a number from 0.01 to 32, not 33'],
  [{ cpus: Number.NaN }, 'option `cpus` must be a number from 0.01 to 32, not NaN'],
  [{ pidsLimit: 0 }, 'option `pidsLimit` must be a whole number from 1 to 4194304, not 0'],
  [
    { capabilities: ['CHOWN'] },
    "option `capabilities[0]` must be the name of a capability such as 'CAP_CHOWN', not 'CHOWN'",
  ],
  [
    { capabilities: ['CAP_KILL', 'CAP_KILL'] },
    "option `capabilities` must name each only once, not 'CAP_KILL' twice",
  ],
  [
    { rlimits: [{ type: 'NOFILE', soft: 1, hard: 1 }] },
    "option `rlimits[0].type` must be the name of a resource limit such as 'RLIMIT_CPU', not 'NOFILE'",
  ],
  [
    { rlimits: [{ type: 'RLIMIT_CPU', soft: 2, hard: 1 }] },
    'option `rlimits[0]` must have a soft limit up to its hard limit',
  ],
  [
    { rlimits: [{ type: 'RLIMIT_CPU', soft: 'unlimited', hard: 1 }] },
    'option `rlimits[0]` must have a soft limit up to its hard limit',
  ],
  [
    { rlimits: [{ type: 'RLIMIT_CPU', soft: -1, hard: 1 }] },
    "option `rlimits[0].soft` must be a whole number from 0 to 9007199254740991 or 'unlimited', not -1",
  ],
  [
    { stopSignal: 'SIGNOPE' },
    "option `stopSignal` must be a signal's name such as 'SIGTERM', not 'SIGNOPE'",
  ],
  [{ labels: { '': 'x' } }, "option `labels.` must have a name of 1 to 256 characters, not 'x'"],
  [{ signal: {} }, 'option `signal` must be an AbortSignal'],
];
for (const [options, message] of refused) {
  test(`refused: ${message}`, async () => {
    await assert.rejects(parseContainerOptions({ ...least, ...options }), {
      code: 'invalid-argument',
      message: `cannot create container c: ${message}`,
    });
  });
}

test('an environment is any object of texts: names without a value are left out', async () => {
  const inherited: NodeJS.ProcessEnv = { ...process.env, UNSET: undefined, SET: 'x' };
  class Variables {
    OWN = '1';
    NONE = undefined;
  }
  const { SET, ...rest } = (await parseContainerOptions({ ...least, env: inherited })).process.env;
  assert.equal(SET, 'x');
  assert.equal('UNSET' in rest, false);
  const real = await parseContainerOptions({ ...least, env: process.env });
  assert.deepEqual(real.process.env, { ...process.env });
  const own = await parseContainerOptions({ ...least, env: new Variables() });
  assert.deepEqual(own.process.env, { OWN: '1' });
  const { config } = await parseExecOptions(own, ['ls'], { env: { OWN: undefined, B: '2' } });
  assert.deepEqual(config.env, { OWN: '1', B: '2' });
});

test('no message tells a value of an environment, wherever it was put', async () => {
  const secret = 'hunter2';
  const misplaced: readonly Record<string, unknown>[] = [
    { env: { TOKEN: `${secret}\0` } },
    { env: { [`TOKEN=${secret}`]: '' } },
    { env: { TOKEN: [secret] } },
    { env: [`TOKEN=${secret}`] },
    { env: new Map([['TOKEN', secret]]) },
    { env: `TOKEN=${secret}` },
    { user: { env: { TOKEN: secret } } },
    { mounts: { TOKEN: secret } },
    { command: ['', secret] },
  ];
  for (const options of misplaced) {
    await assert.rejects(parseContainerOptions({ ...least, ...options }), (error: Error) => {
      assert.equal((error as { code?: string }).code, 'invalid-argument');
      assert.ok(!error.message.includes(secret), error.message);
      return true;
    });
  }
});

test('options that are no object, and an id that is none, are refused', async () => {
  for (const options of [undefined, null, 'x', 7, []]) {
    await assert.rejects(parseContainerOptions(options), { code: 'invalid-argument' });
    if (options !== undefined)
      await assert.rejects(parsePodOptions(options), { code: 'invalid-argument' });
  }
  for (const id of ['../x', '', 'a/b', 7, null]) {
    await assert.rejects(parseContainerOptions({ ...least, id }), { code: 'invalid-argument' });
    await assert.rejects(parsePodOptions({ id }), { code: 'invalid-argument' });
  }
});

test('a long value is cut', async () => {
  await assert.rejects(
    parseContainerOptions({ ...least, cwd: 'x'.repeat(100_000) }),
    (error: Error) => error.message.length < 400,
  );
});

test('whatever the options are, they are a configuration or an invalid argument', async () => {
  const keys = ['env', 'mounts', 'user', 'terminal', 'labels', 'memoryMiB', '__proto__'] as const;
  const options = fc.dictionary(fc.constantFrom(...keys), fc.anything());
  await fc.assert(
    fc.asyncProperty(options, async (extra) => {
      try {
        await parseContainerOptions({ ...least, ...extra });
      } catch (error) {
        assert.equal((error as { code: string }).code, 'invalid-argument', String(error));
      }
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    }),
  );
});

test('an init is asked for by name, and then nothing else lies in its place', async () => {
  const options = { id: 'c', rootfs: '/r', command: ['sh'], init: true };
  assert.equal((await parseContainerOptions(options)).init, true);
  const mount = { kind: 'tmpfs', destination: '/dev/../dev/init' };
  const mounts = [{ kind: 'tmpfs', destination: '/dev/other' }, mount];
  assert.equal((await parseContainerOptions({ ...options, init: false, mounts })).init, false);
  await assert.rejects(parseContainerOptions({ ...options, mounts }), {
    code: 'invalid-argument',
    message:
      'cannot create container c: option `mounts[1].destination` must not be /dev/init where an init is asked for: it lies there',
  });
});

test('a pod has the smallest VM and its id as hostname where nothing else is asked', async () => {
  const id = 'p'.repeat(100);
  assert.deepEqual(await parsePodOptions({ id }), {
    id,
    hostname: 'p'.repeat(64),
    cpus: 1,
    memoryMiB: 512,
    labels: {},
  });
  assert.match((await parsePodOptions({})).id, /^[0-9a-f]{12}$/);
  assert.equal((await parsePodOptions({ memoryMiB: '1GB' })).memoryMiB, 954);
});

const refusedPods: readonly [Record<string, unknown>, string][] = [
  [{ memory: 1 }, 'unknown option `memory` for a pod: did you mean `memoryMiB`?'],
  [
    { memoryMiB: 100 },
    'option `memoryMiB` must be from 192 MiB (what the guest itself needs) to 65536 MiB, not 100',
  ],
  [{ cpus: 1.5 }, 'option `cpus` must be a whole number from 1 to 32, not 1.5'],
  [{ cpus: 0 }, 'option `cpus` must be a whole number from 1 to 32, not 0'],
  [{ cpus: 33 }, 'option `cpus` must be a whole number from 1 to 32, not 33'],
  [
    { memoryMiB: '65GiB' },
    "option `memoryMiB` must be from 192 MiB (what the guest itself needs) to 65536 MiB, not '65GiB'",
  ],
  [{ onProgress: 'x' }, "option `onProgress` must be a function, not 'x'"],
];
for (const [options, message] of refusedPods) {
  test(`refused: ${message}`, async () => {
    await assert.rejects(parsePodOptions({ id: 'p', ...options }), {
      code: 'invalid-argument',
      message: `cannot create pod p: ${message}`,
    });
  });
}

test('an exec takes what it does not ask for from its container', async () => {
  const container = await parseContainerOptions({
    ...least,
    env: { A: '1', B: '2' },
    cwd: '/srv',
    user: 'www',
    terminal: true,
    stdin: true,
  });
  const { id, config } = await parseExecOptions(container, ['ls'], { env: { B: '3' }, id: 'x' });
  assert.equal(id, 'x');
  assert.deepEqual(config, {
    command: ['ls'],
    env: { A: '1', B: '3' },
    cwd: '/srv',
    user: 'www',
    terminal: null,
    stdin: false,
  });
  await assert.rejects(parseExecOptions(container, [], {}), {
    message:
      'cannot exec in container c: the command must be a list of texts that begins with a program, not an empty list',
  });
  await assert.rejects(parseExecOptions(container, ['ls'], { timeout: 1 }), {
    message:
      'cannot exec in container c: unknown option `timeout` for exec: did you mean `timeoutMs`?',
  });
});

test('a command has no limit of time and ten megabytes of each output where nothing else is asked', async () => {
  const container = await parseContainerOptions({ ...least, stdin: true });
  const { end } = await parseExecOptions(container, ['ls'], undefined);
  assert.deepEqual(end, { timeoutMs: null, killSignal: 15, killGraceMs: 5000 });
  const { config, ...run } = await parseRunOptions(container, ['ls'], {});
  assert.equal(config.stdin, false);
  assert.deepEqual(
    { ...run, id: '' },
    { id: '', end, maxBufferBytes: 10 * 1024 ** 2, input: null },
  );
  const asked = await parseRunOptions(container, ['ls'], {
    input: '',
    timeoutMs: '1.5s',
    killSignal: 'int',
    killGraceMs: 0,
    maxBufferBytes: '1KiB',
    id: 'x',
    signal: new AbortController().signal,
    terminal: true,
  });
  assert.equal(asked.config.stdin, true);
  assert.deepEqual(asked.end, { timeoutMs: 1500, killSignal: 2, killGraceMs: 0 });
  assert.deepEqual([asked.input, asked.maxBufferBytes, asked.id], ['', 1024, 'x']);
  const pod = await parseContainerRunOptions({ ...least, stopSignal: 'SIGQUIT', timeoutMs: 5 });
  assert.deepEqual(pod.end, { timeoutMs: 5, killSignal: 3, killGraceMs: 5000 });
  assert.equal(pod.config.id, 'c');
  assert.deepEqual(await parseOutputOptions('cannot', undefined), {
    maxBufferBytes: 10 * 1024 ** 2,
    input: null,
  });
  assert.deepEqual(await parseLinesOptions('cannot', { stream: 'stderr' }), {
    stream: 'stderr',
    maxLineBytes: 1024 ** 2,
  });
});

// What is asked of a command, and the end of the message that it is refused with.
const refusedRuns: readonly [Record<string, unknown>, string][] = [
  [{ timeout: 1 }, 'unknown option `timeout` for run: did you mean `timeoutMs`?'],
  [{ maxBuffer: 1 }, 'unknown option `maxBuffer` for run: did you mean `maxBufferBytes`?'],
  [{ killGrace: 1 }, 'unknown option `killGrace` for run: did you mean `killGraceMs`?'],
  [{ killsignal: 1 }, 'unknown option `killsignal` for run: did you mean `killSignal`?'],
  [{ inputs: 'x' }, 'unknown option `inputs` for run: did you mean `input`?'],
  [{ stdin: true }, 'unknown option `stdin` for run'],
  [{ timeoutMs: 0 }, 'option `timeoutMs` must be more than 0 (leave it out for no limit), not 0'],
  [{ timeoutMs: -1 }, `option \`timeoutMs\` ${durationRule}, not -1`],
  [{ timeoutMs: '5' }, `option \`timeoutMs\` ${durationRule}, not '5'`],
  [{ killGraceMs: 'soon' }, `option \`killGraceMs\` ${durationRule}, not 'soon'`],
  [
    { killSignal: 'SIGNOPE' },
    "option `killSignal` must be a signal's name such as 'SIGTERM', not 'SIGNOPE'",
  ],
  [{ maxBufferBytes: 0 }, `option \`maxBufferBytes\` ${sizeRule}, not 0`],
  [
    { maxBufferBytes: '1GiB' },
    "option `maxBufferBytes` must be from 1 byte to 256 MiB, not '1GiB'",
  ],
  [{ input: 5 }, 'option `input` must be text, bytes, a stream or an async iterable, not 5'],
  [{ input: {} }, 'option `input` must be text, bytes, a stream or an async iterable'],
  [{ signal: 'SIGTERM' }, "option `signal` must be an AbortSignal, not 'SIGTERM'"],
];
for (const [options, message] of refusedRuns) {
  test(`refused for a run: ${message}`, async () => {
    const container = await parseContainerOptions(least);
    await assert.rejects(parseRunOptions(container, ['ls'], options), {
      code: 'invalid-argument',
      message: `cannot run in container c: ${message}`,
    });
    await assert.rejects(parseContainerRunOptions({ ...least, ...options }), {
      code: 'invalid-argument',
      message:
        'killsignal' in options || 'killSignal' in options
          ? /^cannot run container c: unknown option `kill/
          : `cannot run container c: ${message}`,
    });
  });
}

test('what collects and cuts output refuses what it does not know', async () => {
  await assert.rejects(parseOutputOptions('cannot', { maxBuffer: 1 }), {
    message: 'cannot: unknown option `maxBuffer` for output: did you mean `maxBufferBytes`?',
  });
  await assert.rejects(parseLinesOptions('cannot', { stream: 'both' }), {
    message: "cannot: option `stream` must be 'stdout' or 'stderr', not 'both'",
  });
  await assert.rejects(parseLinesOptions('cannot', { maxLine: 1 }), {
    message: 'cannot: unknown option `maxLine` for lines: did you mean `maxLineBytes`?',
  });
});

test('calls have their defaults and refuse what they do not know', async () => {
  assert.deepEqual(await parseStopOptions('cannot stop', undefined), { graceMs: 10_000 });
  assert.deepEqual(await parseStopOptions('cannot stop', { graceMs: '2s' }), { graceMs: 2000 });
  assert.deepEqual(await parseDeleteOptions('cannot delete', { force: true }), { force: true });
  await assert.rejects(parseStopOptions('cannot stop pod p', { grace: 1 }), {
    message: 'cannot stop pod p: unknown option `grace` for stop: did you mean `graceMs`?',
  });
  await assert.rejects(parseDeleteOptions('cannot delete pod p', true), {
    code: 'invalid-argument',
  });
  await assert.rejects(parseTerminalSize('cannot resize', { columns: 1 }), {
    code: 'invalid-argument',
  });
  assert.equal(parseSignal('cannot signal', 'term'), 15);
  assert.throws(() => parseSignal('cannot signal x', 'SIGNOPE'), {
    message:
      "cannot signal x: the signal must be a name such as 'SIGTERM' or a number from 1 to 64, not 'SIGNOPE'",
  });
});

test('templates are made and pruned with defaults, and with what is asked', async () => {
  assert.deepEqual(await parseBuildTemplateOptions('cannot', undefined), { rebuild: false });
  assert.deepEqual(await parseBuildTemplateOptions('cannot', { rebuild: true }), { rebuild: true });
  assert.deepEqual(await parsePruneTemplatesOptions('cannot', undefined), {
    unusedForMs: 30 * 24 * 3_600_000,
    maxBytes: 4 * 1024 ** 3,
    all: false,
  });
  const asked = { unusedForMs: '1000h', maxBytes: '1GiB', all: true };
  assert.deepEqual(await parsePruneTemplatesOptions('cannot', asked), {
    unusedForMs: 3_600_000_000,
    maxBytes: 1024 ** 3,
    all: true,
  });
  await assert.rejects(parseBuildTemplateOptions('cannot build template', { force: true }), {
    message: 'cannot build template: unknown option `force` for the building of a template',
  });
  await assert.rejects(parsePruneTemplatesOptions('cannot prune', { unusedFor: 1 }), {
    message: /unknown option `unusedFor` for the pruning of templates: did you mean `unusedForMs`/,
  });
  await assert.rejects(parsePruneTemplatesOptions('cannot prune', { unusedForMs: '30d' }), {
    message: /^cannot prune: option `unusedForMs` must be .* to ten years, not '30d'$/,
  });
  await assert.rejects(parsePruneTemplatesOptions('cannot prune', { maxBytes: 0 }), {
    message: /^cannot prune: option `maxBytes` must be a positive number or text/,
  });
});

test('whether a pod is a clone is no part of its configuration', async () => {
  assert.deepEqual(
    await parsePodOptions({ id: 'a', template: false }),
    await parsePodOptions({ id: 'a' }),
  );
  await assert.rejects(parsePodOptions({ id: 'a', template: 'no' }), {
    message: "cannot create pod a: option `template` must be true or false, not 'no'",
  });
});

test('a runtime refuses options that it does not know', () => {
  checkRuntimeOptions({
    runRoot: '/r',
    accelerator: 'tcg',
    onProgress: () => {},
    onWarning: () => {},
    template: false,
    warm: 64,
    logger: undefined,
  });
  const cases: readonly [unknown, string][] = [
    [{ root: '/x' }, 'unknown option `root` for a runtime'],
    [{ runroot: '/x' }, 'unknown option `runroot` for a runtime: did you mean `runRoot`?'],
    [{ accelerator: 'xen' }, "option `accelerator` must be 'auto', 'kvm' or 'tcg', not 'xen'"],
    [
      { logger: console.log },
      'option `logger` must have the methods debug, info, warn, error and child, not',
    ],
    [{ libRoot: '' }, "option `libRoot` must be a path without NUL, not ''"],
    [{ template: 'no' }, "option `template` must be true or false, not 'no'"],
    [{ templates: true }, 'unknown option `templates` for a runtime: did you mean `template`?'],
    [{ warm: 65 }, 'option `warm` must be a whole number from 0 to 64, not 65'],
    [{ warm: 0.5 }, 'option `warm` must be a whole number from 0 to 64, not 0.5'],
    [{ warm: true }, 'option `warm` must be a whole number from 0 to 64, not true'],
    [{ onWarning: 'x' }, "option `onWarning` must be a function, not 'x'"],
  ];
  for (const [options, message] of cases) {
    assert.throws(
      () => checkRuntimeOptions(options),
      (error: Error) => error.message.startsWith(`cannot create runtime: ${message}`),
      message,
    );
  }
});
