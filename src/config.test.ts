// Tests of where a runtime's configuration comes from: options, then the environment, then defaults.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toRuntimeConfig } from './config.js';

test("root has the system's places where nothing is said", () => {
  assert.deepEqual(toRuntimeConfig({}, {}, true), {
    runRoot: '/run/virtcontainers',
    libRoot: '/var/lib/virtcontainers',
    guestImage: null,
    accelerator: 'auto',
  });
});

test('others have places of their own', () => {
  const environment = {
    XDG_RUNTIME_DIR: '/run/user/7',
    XDG_DATA_HOME: '/home/x/data',
    HOME: '/home/x',
  };
  const { runRoot, libRoot } = toRuntimeConfig({}, environment, false);
  assert.deepEqual(
    [runRoot, libRoot],
    ['/run/user/7/virtcontainers', '/home/x/data/virtcontainers'],
  );
  assert.equal(
    toRuntimeConfig({}, { HOME: '/home/x' }, false).libRoot,
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
  const config = toRuntimeConfig({ runRoot: '/opt/run', accelerator: 'kvm' }, environment, true);
  assert.deepEqual(config, {
    runRoot: '/opt/run',
    libRoot: `${process.cwd()}/relative/lib`,
    guestImage: '/env/image',
    accelerator: 'kvm',
  });
  assert.equal(toRuntimeConfig({}, environment, true).accelerator, 'tcg');
  const empty = toRuntimeConfig({}, { VIRTC_RUN_ROOT: '', VIRTC_ACCELERATOR: '' }, true);
  assert.deepEqual([empty.runRoot, empty.accelerator], ['/run/virtcontainers', 'auto']);
});

test('the environment is checked as options are', () => {
  assert.throws(() => toRuntimeConfig({}, { VIRTC_ACCELERATOR: 'xen' }, true), {
    code: 'invalid-argument',
    message:
      "cannot create runtime: option `accelerator` must be 'auto', 'kvm' or 'tcg', not 'xen'",
  });
});
