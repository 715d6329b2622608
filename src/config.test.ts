// Tests of where a runtime's configuration comes from: options, then the environment, then defaults.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { settleAll, toCliConfig, toRuntimeConfig, withAbsolutePaths } from './config.js';
import type { KeyName, Value } from './config-file/keys.js';
import { createRuntime } from './create-runtime.js';
import { defaults } from './model/defaults.js';

test("root has the system's places where nothing is said", () => {
  assert.deepEqual(toRuntimeConfig({ environment: {}, isRoot: true }), {
    runRoot: '/run/virtcontainers',
    libRoot: '/var/lib/virtcontainers',
    guestImage: null,
    accelerator: 'auto',
    defaults,
  });
});

test('others have places of their own', () => {
  const environment = {
    XDG_RUNTIME_DIR: '/run/user/7',
    XDG_DATA_HOME: '/home/x/data',
    HOME: '/home/x',
  };
  const { runRoot, libRoot } = toRuntimeConfig({ environment, isRoot: false });
  assert.deepEqual(
    [runRoot, libRoot],
    ['/run/user/7/virtcontainers', '/home/x/data/virtcontainers'],
  );
  assert.equal(
    toRuntimeConfig({ environment: { HOME: '/home/x' }, isRoot: false }).libRoot,
    '/home/x/.local/share/virtcontainers',
  );
});

test('options win over the environment, and that over defaults; what is empty is absent', () => {
  const environment = {
    VIRTC_RUN_ROOT: '/env/run',
    VIRTC_LIB_ROOT: 'relative/lib',
    VIRTC_GUEST_IMAGE: '/env/image',
    VIRTC_ACCELERATOR: 'tcg',
  };
  const config = toRuntimeConfig({
    options: { runRoot: '/opt/run', accelerator: 'kvm' },
    environment,
    isRoot: true,
  });
  assert.deepEqual(config, {
    runRoot: '/opt/run',
    libRoot: `${process.cwd()}/relative/lib`,
    guestImage: '/env/image',
    accelerator: 'kvm',
    defaults,
  });
  assert.equal(toRuntimeConfig({ environment, isRoot: true }).accelerator, 'tcg');
  const empty = toRuntimeConfig({
    environment: { VIRTC_RUN_ROOT: '', VIRTC_ACCELERATOR: '' },
    isRoot: true,
  });
  assert.deepEqual([empty.runRoot, empty.accelerator], ['/run/virtcontainers', 'auto']);
});

test('the environment is checked as options are', () => {
  assert.throws(
    () => toRuntimeConfig({ environment: { VIRTC_ACCELERATOR: 'xen' }, isRoot: true }),
    {
      code: 'invalid-argument',
      message: 'cannot use VIRTC_ACCELERATOR=\'xen\': it must be "auto", "kvm" or "tcg"',
    },
  );
});

/** As if a file said so. */
const file = (values: Readonly<Partial<Record<KeyName, Value>>>, path = '/etc/c.toml') => ({
  path,
  values,
});
const nothing = { environment: {}, isRoot: true } as const;

test('every key of a file reaches the configuration', () => {
  const values = {
    run_root: '/r',
    lib_root: '/l',
    guest_image: '/g',
    accelerator: 'tcg',
    'pod.memory': '1GiB',
    'pod.cpus': 3,
    'pod.template': false,
    'container.pids_limit': 5,
    'container.stop_grace': '1.5s',
    'container.writes': 'host',
    'cli.log': 'warn',
    'cli.progress': 'none',
    'cli.color': 'never',
  } satisfies Record<KeyName, Value>;
  const layers = { ...nothing, files: [file(values)] };
  assert.deepEqual(toRuntimeConfig(layers), {
    runRoot: '/r',
    libRoot: '/l',
    guestImage: '/g',
    accelerator: 'tcg',
    defaults: {
      cpus: 3,
      memoryMiB: 1024,
      template: false,
      pidsLimit: 5,
      stopGraceMs: 1500,
      writes: 'host',
    },
  });
  const source = { kind: 'file', path: '/etc/c.toml' };
  assert.deepEqual(toCliConfig(layers), {
    'cli.log': { value: 'warn', source },
    'cli.progress': { value: 'none', source },
    'cli.color': { value: 'never', source },
  });
});

test('option and flag, variable, the first file, the second and the default follow each other', () => {
  const layers = {
    options: { runRoot: '/option' },
    flags: { accelerator: { value: 'kvm', source: { kind: 'flag', name: '--hypervisor' } } },
    environment: {
      VIRTC_RUN_ROOT: '/variable',
      VIRTC_LIB_ROOT: '/variable',
      VIRTC_ACCELERATOR: 'tcg',
    },
    isRoot: true,
    files: [
      file({ lib_root: '/first', guest_image: '/first' }, '/first.toml'),
      file({ guest_image: '/second', 'pod.cpus': 2 }, '/second.toml'),
    ],
  } as const;
  const settled = settleAll(layers);
  const found = Object.fromEntries(
    (['run_root', 'accelerator', 'lib_root', 'guest_image', 'pod.cpus', 'pod.memory'] as const).map(
      (name) => [name, settled[name]],
    ),
  );
  assert.deepEqual(found, {
    run_root: { value: '/option', source: { kind: 'option', name: 'runRoot' } },
    accelerator: { value: 'kvm', source: { kind: 'flag', name: '--hypervisor' } },
    lib_root: { value: '/variable', source: { kind: 'variable', name: 'VIRTC_LIB_ROOT' } },
    guest_image: { value: '/first', source: { kind: 'file', path: '/first.toml' } },
    'pod.cpus': { value: 2, source: { kind: 'file', path: '/second.toml' } },
    'pod.memory': { value: '512MiB', source: { kind: 'default' } },
  });
});

const colors: readonly [Readonly<Record<string, string>>, string][] = [
  [{}, 'always'],
  [{ NO_COLOR: '' }, 'always'],
  [{ NO_COLOR: '1' }, 'never'],
  [{ FORCE_COLOR: '0' }, 'never'],
  [{ FORCE_COLOR: 'false' }, 'never'],
  [{ FORCE_COLOR: '1' }, 'always'],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, 'always'],
];
for (const [environment, expected] of colors) {
  test(`colour with ${JSON.stringify(environment)} over a file that says always is ${expected}`, () => {
    const files = [file({ 'cli.color': 'always' })];
    assert.equal(toCliConfig({ environment, isRoot: true, files })['cli.color'].value, expected);
  });
}

const switches: readonly [string, boolean][] = [
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
  ['', false],
];
for (const [text, expected] of switches) {
  test(`VIRTC_TEMPLATE=${text} over a file that says no means ${expected}`, () => {
    const environment = { VIRTC_TEMPLATE: text };
    const files = [file({ 'pod.template': false })];
    assert.equal(toRuntimeConfig({ environment, isRoot: true, files }).defaults.template, expected);
  });
}

test('the option says whether pods are clones, whatever the variable does; the default is that they are', () => {
  const environment = { VIRTC_TEMPLATE: 'true' };
  const layers = { options: { template: false }, environment, isRoot: true };
  assert.equal(toRuntimeConfig(layers).defaults.template, false);
  assert.equal(toRuntimeConfig(nothing).defaults.template, true);
});

for (const text of ['yes', 'True', 'constructor']) {
  test(`VIRTC_TEMPLATE=${text} is refused`, () => {
    assert.throws(() => toRuntimeConfig({ environment: { VIRTC_TEMPLATE: text }, isRoot: true }), {
      code: 'invalid-argument',
      message: `cannot use VIRTC_TEMPLATE='${text}': it must be true or false`,
    });
  });
}

test('the library does not mind the variables of the command line', () => {
  const environment = { VIRTC_LOG: 'loud' };
  assert.equal(toRuntimeConfig({ environment, isRoot: true }).accelerator, 'auto');
  assert.throws(() => toCliConfig({ environment, isRoot: true }), {
    message: 'cannot use VIRTC_LOG=\'loud\': it must be "debug", "info", "warn", "error" or "off"',
  });
});

test('what is read later means the directory that was the current one before', () => {
  const given = { runRoot: 'run', configFile: '' };
  const fixed = withAbsolutePaths({
    options: given,
    environment: { VIRTC_LIB_ROOT: 'lib', VIRTC_CONFIG: 'a.toml', VIRTC_GUEST_IMAGE: '', X: 'x' },
  });
  const cwd = process.cwd();
  assert.deepEqual(fixed, {
    options: { runRoot: `${cwd}/run`, configFile: '' },
    environment: {
      VIRTC_LIB_ROOT: `${cwd}/lib`,
      VIRTC_CONFIG: `${cwd}/a.toml`,
      VIRTC_GUEST_IMAGE: '',
      X: 'x',
    },
  });
  given.runRoot = 'elsewhere';
  assert.equal(fixed.options.runRoot, `${cwd}/run`);
});

test('a runtime keeps the place that it was made for when the current directory changes', async () => {
  const before = process.cwd();
  const base = mkdtempSync(path.join(tmpdir(), 'virtc-cwd-'));
  try {
    process.chdir(base);
    const runtime = createRuntime({ runRoot: 'run', libRoot: 'lib', configFile: 'none.toml' });
    process.chdir('/');
    const file = JSON.stringify(path.join(base, 'none.toml'));
    await assert.rejects(runtime.listPods(), {
      code: 'not-found',
      message: `cannot use configuration file ${file}: there is no such file`,
    });
  } finally {
    process.chdir(before);
    rmSync(base, { recursive: true, force: true });
  }
});
