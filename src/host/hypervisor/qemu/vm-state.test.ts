// Tests of saving and loading a VM's state, against a QEMU without a machine: how it ends, and that nothing is left.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, type TestContext, test } from 'node:test';
import { FakeQemu, type FakeQemuBehaviour } from '../../../testing/fake-qemu.js';
import { QmpClient } from './qmp-client.js';
import { loadState, saveState } from './vm-state.js';

let root = '';
const worlds: { readonly qemu: FakeQemu; readonly qmp: QmpClient }[] = [];
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'virtc-state-'));
});
after(() => rm(root, { recursive: true, force: true }));
afterEach(() => {
  for (const { qemu, qmp } of worlds.splice(0)) {
    qmp.close();
    qemu.end({ code: null, signal: 'SIGKILL' });
  }
});

let worldCount = 0;

async function world(behaviour: FakeQemuBehaviour = {}) {
  const directory = path.join(root, `${++worldCount}`);
  await mkdir(directory);
  const argv = ['socket,id=qmp,path=qmp.sock,server=on'];
  const spec = { argv, cwd: directory, env: {}, readOnlyPaths: [], writablePaths: [], exports: [] };
  const qemu = new FakeQemu({ ...spec, devices: [], needsFileCapabilities: false }, behaviour);
  const qmp = await QmpClient.connect(connect(path.join(directory, 'qmp.sock')));
  worlds.push({ qemu, qmp });
  const file = path.join(directory, 'state');
  const save = (signal?: AbortSignal) =>
    saveState(qmp, directory, file, { what: 'cannot save VM p', signal });
  const load = (signal?: AbortSignal) => loadState(qmp, { what: 'cannot start VM p', signal });
  /** Fails unless neither the file nor the socket is there. */
  const nothingLeft = async () => assert.deepEqual(await readdir(directory), ['qmp.sock']);
  const asked = () =>
    qemu.commands.filter(({ name }) => name !== 'qmp_capabilities').map(({ name }) => name);
  return { qemu, qmp, file, save, load, nothingLeft, asked, directory };
}

const capabilities = {
  capabilities: [
    { capability: 'x-ignore-shared', state: true },
    { capability: 'events', state: true },
  ],
};

/** Lets time pass as soon as QEMU has been asked to begin. */
async function timeIsUp(t: TestContext, begin: () => Promise<void>, asked: () => string[]) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const call = begin();
  call.catch(() => {});
  while (!asked().some((name) => name.startsWith('migrate') && !name.endsWith('capabilities'))) {
    await new Promise(setImmediate);
  }
  // Its answer, which has a deadline of its own, is there before the end is waited for.
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  t.mock.timers.tick(20_000);
  return call;
}

test('a state is loaded from the descriptor that QEMU has inherited, its memory left out', async () => {
  const { qemu, load } = await world();
  await load();
  assert.deepEqual(
    qemu.commands.slice(1).map((command) => [command.name, command.arguments]),
    [
      ['migrate-set-capabilities', capabilities],
      ['migrate-incoming', { uri: 'fd:3' }],
    ],
  );
});

test('a state is saved whole into a new file that is ours alone, and the socket is gone', async () => {
  const state = Buffer.alloc(700_000, 'state ');
  const { qemu, file, save, directory } = await world({ migration: { state } });
  await save();
  assert.ok((await readFile(file)).equals(state));
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual((await readdir(directory)).sort(), ['qmp.sock', 'state']);
  assert.deepEqual(
    qemu.commands.slice(1).map((command) => [command.name, command.arguments]),
    [
      ['migrate-set-capabilities', capabilities],
      ['migrate', { uri: 'unix:state.sock' }],
    ],
  );
});

test('a migration that fails says why in QEMU’s words, harmless on a terminal', async () => {
  const answers = { 'query-migrate': { status: 'failed', 'error-desc': 'no\u001b[31m device' } };
  const saving = await world({ migration: { status: 'failed' }, answers });
  await assert.rejects(saving.save(), {
    code: 'internal',
    message: 'cannot save VM p: no\\x1b[31m device',
  });
  await saving.nothingLeft();
  const loading = await world({ migration: { status: 'failed' }, answers });
  await assert.rejects(loading.load(), {
    code: 'internal',
    message: 'cannot start VM p: no\\x1b[31m device',
  });
});

test('a migration that fails without a word, or with none that can be read, says that it failed', async () => {
  for (const behaviour of [
    { answers: { 'query-migrate': { 'error-desc': 7 } } },
    { answers: { 'query-migrate': [] } },
    { refuses: { 'query-migrate': 'ask me not' } },
  ]) {
    const { save, nothingLeft } = await world({ migration: { status: 'failed' }, ...behaviour });
    await assert.rejects(save(), { message: 'cannot save VM p: QEMU says that it failed' });
    await nothingLeft();
  }
});

test('what QEMU refuses ends it at once', async () => {
  for (const command of ['migrate-set-capabilities', 'migrate']) {
    const { save, nothingLeft } = await world({ refuses: { [command]: 'not so' } });
    await assert.rejects(save(), { code: 'internal', message: new RegExp(`${command}: not so$`) });
    await nothingLeft();
  }
  for (const command of ['migrate-set-capabilities', 'migrate-incoming']) {
    const { load } = await world({ refuses: { [command]: 'not so' } });
    await assert.rejects(load(), { code: 'internal', message: new RegExp(`${command}: not so$`) });
  }
});

test('a connection that is lost ends it, at whatever point', async () => {
  for (const silentAt of ['migrate-set-capabilities', 'migrate']) {
    const { qemu, save, nothingLeft, asked } = await world({ silentAt });
    const saving = save();
    saving.catch(() => {});
    while (!asked().includes(silentAt)) await new Promise(setImmediate);
    qemu.dropQmp();
    await assert.rejects(saving, { code: 'unavailable' });
    await nothingLeft();
  }
  for (const exitAt of ['migrate-set-capabilities', 'migrate', 'migrate-incoming']) {
    const { save, load, directory } = await world({ exitAt });
    await assert.rejects(exitAt === 'migrate-incoming' ? load() : save(), { code: 'unavailable' });
    // Its own socket has gone with it.
    assert.deepEqual(await readdir(directory), []);
  }
  const waiting = await world({ migration: { status: null } });
  const load = waiting.load();
  load.catch(() => {});
  while (!waiting.asked().includes('migrate-incoming')) await new Promise(setImmediate);
  waiting.qemu.dropQmp();
  await assert.rejects(load, {
    code: 'unavailable',
    message: 'cannot start VM p: the connection to QEMU ended',
  });
});

test('an abort ends it, before and while the state is on its way, and what came is removed', async () => {
  const before = await world();
  await assert.rejects(before.save(AbortSignal.abort('enough')), {
    name: 'AbortError',
    cause: 'enough',
  });
  await before.nothingLeft();
  const { qemu, file, save, nothingLeft } = await world({ migration: { state: null } });
  const controller = new AbortController();
  const saving = save(controller.signal);
  saving.catch(() => {});
  while (!existsSync(file)) await new Promise(setImmediate);
  controller.abort('enough');
  await assert.rejects(saving, { name: 'AbortError', cause: 'enough' });
  await nothingLeft();
  assert.equal(qemu.exit, null, 'whoever has the VM ends it');
  const loading = await world({ migration: { status: null } });
  await assert.rejects(loading.load(AbortSignal.timeout(20)), { name: 'AbortError' });
});

test('a QEMU that tells of no end is not waited for longer than 20 s', async (t) => {
  const saving = await world({ migration: { status: null } });
  await assert.rejects(timeIsUp(t, saving.save, saving.asked), {
    code: 'timeout',
    message: 'cannot save VM p: no answer within 20000 ms',
  });
  await saving.nothingLeft();
  t.mock.timers.reset();
  const loading = await world({ migration: { status: null } });
  await assert.rejects(timeIsUp(t, loading.load, loading.asked), { code: 'timeout' });
});

test('a state that grows beyond all bounds is not taken, and that is the reason told', async () => {
  const state = Buffer.alloc(65 * 1024 * 1024);
  const { save, nothingLeft } = await world({ migration: { state } });
  await assert.rejects(save(), {
    code: 'internal',
    message: 'cannot save VM p: its state has more than 67108864 bytes',
  });
  await nothingLeft();
});

test('a file that cannot be written is the reason told, and one that was there is not touched', async () => {
  const there = await world();
  await writeFile(there.file, 'of somebody else');
  await assert.rejects(there.save(), { code: 'EEXIST' });
  assert.equal(await readFile(there.file, 'utf8'), 'of somebody else');
  const { qmp, directory, nothingLeft } = await world();
  const nowhere = path.join(directory, 'nowhere', 'state');
  await assert.rejects(saveState(qmp, directory, nowhere, { what: 'x', signal: undefined }), {
    code: 'ENOENT',
  });
  await nothingLeft();
});

test('a directory that is not there fails before QEMU is asked anything', async () => {
  const { qmp, asked, directory } = await world();
  const wrong = path.join(directory, 'nowhere');
  const options = { what: 'cannot save VM p', signal: undefined };
  await assert.rejects(saveState(qmp, wrong, '/nowhere', options), { code: 'ENOENT' });
  assert.deepEqual(asked(), []);
});
