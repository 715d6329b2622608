// Tests of which configuration files are read, and which are not trusted.
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { readConfigFiles } from './config-file.js';

function scratch(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-config-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file that is trusted, whatever the umask. */
function write(file: string, text: string): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o644);
  return file;
}

/** A user's and a system's file, and what else decides. */
function host(t: TestContext) {
  const folder = scratch(t);
  const user = write(path.join(folder, 'xdg/virtcontainers/config.toml'), 'accelerator = "tcg"');
  const system = write(path.join(folder, 'etc/config.toml'), 'accelerator = "kvm"');
  return {
    folder,
    user,
    system,
    environment: { XDG_CONFIG_HOME: path.join(folder, 'xdg') },
    isRoot: true,
  };
}

test("the user's file comes before the system's", async (t) => {
  const { user, ...places } = host(t);
  assert.deepEqual(await readConfigFiles(places), [
    { path: user, values: { accelerator: 'tcg' } },
    { path: places.system, values: { accelerator: 'kvm' } },
  ]);
});

test('no file is needed', async (t) => {
  const folder = scratch(t);
  const system = path.join(folder, 'no/config.toml');
  const environment = { HOME: folder };
  assert.deepEqual(await readConfigFiles({ environment, isRoot: true, system }), []);
  // A directory of it that is a file.
  const below = write(path.join(folder, 'file'), '');
  const inFile = path.join(below, 'config.toml');
  assert.deepEqual(await readConfigFiles({ environment: {}, isRoot: true, system: inFile }), []);
});

test('a named file is read alone, an empty name means none', async (t) => {
  const { folder, ...places } = host(t);
  const named = write(path.join(folder, 'mine.toml'), '[pod]\ncpus = 3');
  const alone = [{ path: named, values: { 'pod.cpus': 3 } }];
  const environment = { ...places.environment, VIRTC_CONFIG: named };
  assert.deepEqual(await readConfigFiles({ ...places, named }), alone);
  assert.deepEqual(await readConfigFiles({ ...places, environment }), alone);
  assert.deepEqual(await readConfigFiles({ ...places, environment, named: '' }), []);
  const none = { ...places.environment, VIRTC_CONFIG: '' };
  assert.deepEqual(await readConfigFiles({ ...places, environment: none }), []);
  assert.deepEqual(await readConfigFiles({ ...places, environment: none, named }), alone);
});

test('a named file that is not there is an error', async (t) => {
  const places = host(t);
  const missing = path.join(places.folder, 'missing.toml');
  const error = {
    code: 'not-found',
    message: `cannot use configuration file "${missing}": there is no such file`,
  };
  await assert.rejects(readConfigFiles({ ...places, named: missing }), error);
  const environment = { VIRTC_CONFIG: missing };
  await assert.rejects(readConfigFiles({ ...places, environment }), error);
});

test('the current directory decides nothing', async (t) => {
  const folder = scratch(t);
  write(path.join(folder, 'virtcontainers/config.toml'), 'no TOML at all');
  write(path.join(folder, '.config/virtcontainers/config.toml'), 'no TOML at all');
  write(path.join(folder, 'config.toml'), 'no TOML at all');
  const before = process.cwd();
  process.chdir(folder);
  try {
    const system = path.join(folder, 'missing');
    for (const environment of [{}, { XDG_CONFIG_HOME: '.', HOME: '.' }, { HOME: '' }]) {
      assert.deepEqual(await readConfigFiles({ environment, isRoot: true, system }), []);
    }
  } finally {
    process.chdir(before);
  }
});

test('a relative XDG_CONFIG_HOME leaves the one below HOME', async (t) => {
  const folder = scratch(t);
  const own = write(path.join(folder, '.config/virtcontainers/config.toml'), '');
  const environment = { XDG_CONFIG_HOME: 'here', HOME: folder };
  const system = path.join(folder, 'missing');
  assert.deepEqual(await readConfigFiles({ environment, isRoot: true, system }), [
    { path: own, values: {} },
  ]);
});

const modes: readonly [number, boolean][] = [
  [0o600, true],
  [0o644, true],
  [0o620, false],
  [0o602, false],
  [0o666, false],
];
for (const [mode, trusted] of modes) {
  test(`as root a file of mode ${mode.toString(8)} is ${trusted ? 'read' : 'refused'}`, async (t) => {
    const named = write(path.join(scratch(t), 'config.toml'), '');
    chmodSync(named, mode);
    const reading = readConfigFiles({ named, environment: {}, isRoot: true });
    if (trusted) {
      assert.deepEqual(await reading, [{ path: named, values: {} }]);
      return;
    }
    await assert.rejects(reading, {
      message: `cannot use configuration file "${named}": others than its owner can write it (mode ${mode.toString(8)})`,
      hint: /chmod go-w/,
    });
    assert.equal((await readConfigFiles({ named, environment: {}, isRoot: false })).length, 1);
  });
}

test("as root another user's file is refused, through a symbolic link too", async (t) => {
  const folder = scratch(t);
  const file = write(path.join(folder, 'config.toml'), '');
  chownSync(file, 12_345, 0);
  const link = path.join(folder, 'link.toml');
  symlinkSync(file, link);
  await assert.rejects(readConfigFiles({ named: link, environment: {}, isRoot: true }), {
    message: `cannot use configuration file "${link}": it belongs to user 12345, who is not root`,
  });
});

test('what is no file of text of a bounded size is refused, at once', async (t) => {
  const folder = scratch(t);
  const binary = path.join(folder, 'binary');
  writeFileSync(binary, Buffer.from([0x23, 0xff]));
  const large = write(path.join(folder, 'large'), '#'.repeat(64 * 1024 + 1));
  const cases: readonly [string, RegExp][] = [
    [folder, /: it is not a regular file$/],
    ['/dev/zero', /: it is not a regular file$/],
    [binary, /: it is not valid UTF-8$/],
    [large, /: it must be at most 64 KiB$/],
  ];
  for (const [named, message] of cases) {
    await assert.rejects(readConfigFiles({ named, environment: {}, isRoot: true }), { message });
  }
  const largest = write(path.join(folder, 'largest'), '#'.repeat(64 * 1024));
  assert.equal(
    (await readConfigFiles({ named: largest, environment: {}, isRoot: true })).length,
    1,
  );
});

test('a mistake in either file is told', async (t) => {
  const places = host(t);
  write(places.system, 'acc = 1');
  await assert.rejects(readConfigFiles(places), {
    message: /etc\/config\.toml": line 1, column 1/,
  });
});
