// Tests of where a runtime's configuration comes from: options, then the environment, then defaults.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toRuntimeConfig } from './config.js';
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
