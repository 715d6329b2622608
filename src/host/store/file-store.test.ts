// Tests of the store as files: modes, damaged records, dead owners, races, links, mounts and failing system calls.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { VirtcontainersError } from '../../base/errors.js';
import { type Files, nodeFiles } from '../../base/files/files.js';
import { failingFiles } from '../../testing/failing-files.js';
import { FileStore } from './file-store.js';
import { sampleRecord, testStore } from './store.suite.js';

const scratch = fs.mkdtempSync(path.join(tmpdir(), 'virtc-store-'));
after(() => fs.rmSync(scratch, { recursive: true }));
let count = 0;
const freshRoot = (): string => path.join(scratch, String(count++));

testStore('FileStore', async () => {
  const root = freshRoot();
  return {
    store: new FileStore({ root }),
    other: new FileStore({ root }),
    dispose: async () => {
      // Nothing but the two directories is left by any of the tests.
      if (!fs.existsSync(root)) return;
      assert.deepEqual(fs.readdirSync(root).sort(), ['containers', 'pods']);
      for (const name of ['containers', 'pods']) {
        assert.deepEqual(fs.readdirSync(path.join(root, name)), []);
      }
    },
  };
});

test('directories are 0700 and files 0600, whatever the umask', async () => {
  const umask = process.umask(0);
  try {
    const root = freshRoot();
    const owned = await new FileStore({ root }).create('a');
    await owned.save(sampleRecord('a'));
    await owned.reserveContainer('web');
    const mode = (...names: string[]): number =>
      fs.statSync(path.join(root, ...names)).mode & 0o777;
    for (const names of [[], ['pods'], ['containers'], ['pods', 'a'], ['pods', 'a', 'names']]) {
      assert.equal(mode(...names), 0o700, names.join('/'));
    }
    for (const name of ['lock', 'record.json', 'names/web']) {
      assert.equal(mode('pods', 'a', name), 0o600, name);
    }
    assert.equal(owned.directory, path.join(root, 'pods', 'a'));
    await owned.remove();
  } finally {
    process.umask(umask);
  }
});

test('the logs of a pod go with it, those of others stay, and without any it goes as well', async () => {
  const root = freshRoot();
  const logs = path.join(scratch, 'logs');
  const store = new FileStore({ root, logs });
  await (await store.create('a')).remove();
  for (const name of ['a', 'b']) {
    fs.mkdirSync(path.join(logs, name), { recursive: true });
    fs.writeFileSync(path.join(logs, name, 'console.log'), 'x');
  }
  await (await store.create('a')).remove();
  assert.deepEqual(fs.readdirSync(logs), ['b']);
});

/** A pod whose owner is gone and whose record is `content`. */
async function podWithRecord(content: string) {
  const root = freshRoot();
  const store = new FileStore({ root });
  const owned = await store.create('a');
  fs.writeFileSync(path.join(owned.directory, 'record.json'), content, { mode: 0o600 });
  await owned.close();
  return { store, file: path.join(owned.directory, 'record.json') };
}

const good = JSON.stringify(sampleRecord('a'));
const changed = (change: (record: Record<string, unknown>) => void): string => {
  const record = JSON.parse(good) as Record<string, unknown>;
  change(record);
  return JSON.stringify(record);
};
test('a record from before there were templates and owners of their own is read', async () => {
  const { store } = await podWithRecord(
    changed((record) => {
      delete record['origin'];
      delete record['waiting'];
      delete record['detached'];
    }),
  );
  const added = { origin: null, waiting: false, detached: false };
  assert.deepEqual(await store.load('a'), { ...sampleRecord('a'), ...added });
});

const damaged: readonly [string, string, RegExp][] = [
  ['nothing', '', /it is empty/],
  ['half of it', good.slice(0, good.length / 2), /not JSON, perhaps cut short/],
  ['binary', '\0\u001b[2J', /not JSON/],
  ['a list', '[]', /record is not an object/],
  ['null', 'null', /record is not an object/],
  ['no version', changed((record) => delete record['version']), /record\.version is missing/],
  [
    'a newer version',
    changed((record) => Object.assign(record, { version: 2, writtenBy: '9.9', more: 1 })),
    /written by version 9\.9 in format 2, this program reads formats up to 1/,
  ],
  ['version 0', changed((record) => Object.assign(record, { version: 0 })), /version is not 1/],
  ['a missing field', changed((record) => delete record['owner']), /record\.owner is missing/],
  [
    'an unknown field',
    changed((record) => Object.assign(record, { x: 1 })),
    /record\.x is not known/,
  ],
  [
    'an inherited field',
    changed((record) => delete record['state']).replace('{', '{"__proto__":{"state":"ready"},'),
    /record\.__proto__ is not known/,
  ],
  [
    'a wrong state',
    changed((record) => Object.assign(record, { state: 'gone' })),
    /record\.state is not ready or running or paused or stopped/,
  ],
  [
    'an unknown handle',
    changed((record) => Object.assign(record, { handles: [{ kind: 'toString' }] })),
    /record\.handles\[0\]\.kind is not vm or share/,
  ],
  [
    'a wrong type deep inside',
    good.replace('"soft":1024', '"soft":"1024"'),
    /record\.containers\[0\]\.config\.rlimits\[0\]\.soft is not a number/,
  ],
  ['another pod', JSON.stringify(sampleRecord('b')), /it is of pod "b"/],
];
for (const [what, content, message] of damaged) {
  test(`a record with ${what} is explained, naming the file, and can be removed`, async () => {
    const { store, file } = await podWithRecord(content);
    await assert.rejects(store.load('a'), (error: VirtcontainersError) => {
      assert.equal(error.code, 'internal');
      assert.ok(error.message.startsWith(`cannot load pod a: ${file}: `), error.message);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\p{Cc}/u);
      assert.match(error.hint ?? '', /delete the pod with force/);
      return true;
    });
    assert.deepEqual(await store.list(), ['a']);
    const owned = await store.takeOver('a');
    await assert.rejects(owned.load(), { code: 'internal' });
    await owned.remove();
    assert.deepEqual(await store.list(), []);
  });
}

test('a record that is a link, a pipe, a directory or huge is not read', async () => {
  const { store, file } = await podWithRecord(good);
  const secret = path.join(scratch, 'secret');
  fs.writeFileSync(secret, good);
  const cases: readonly [() => void, RegExp][] = [
    [() => fs.symlinkSync(secret, file), /ELOOP/],
    [() => assert.equal(spawnSync('mkfifo', [file]).status, 0), /not a regular file/],
    [() => fs.mkdirSync(file), /not a regular file/],
    [
      () => {
        fs.writeFileSync(file, '');
        fs.truncateSync(file, 17 * 1024 * 1024);
      },
      /it has 17825792 bytes/,
    ],
  ];
  for (const [make, message] of cases) {
    fs.rmSync(file, { recursive: true });
    make();
    await assert.rejects(store.load('a'), { code: 'internal', message });
  }
  await (await store.takeOver('a')).remove();
  assert.equal(fs.readFileSync(secret, 'utf8'), good);
});

test('a record or a root of another user is refused', async () => {
  const { store } = await podWithRecord(good);
  const uid = process.geteuid?.() ?? 0;
  const stat = nodeFiles.fstatSync;
  const foreign = new FileStore({
    root: freshRoot(),
    files: {
      ...nodeFiles,
      fstatSync: ((fd: number) => Object.assign(stat(fd), { uid: uid + 1 })) as typeof stat,
    },
  });
  const owned = await foreign.create('a');
  await owned.save(sampleRecord('a'));
  await assert.rejects(foreign.load('a'), {
    message: new RegExp(`belongs to user ${uid + 1}, not to user ${uid}`),
  });
  await (await store.takeOver('a')).remove();

  const root = freshRoot();
  fs.mkdirSync(path.join(root, 'pods'), { recursive: true });
  fs.chmodSync(path.join(root, 'pods'), 0o777);
  await assert.rejects(new FileStore({ root }).create('a'), {
    code: 'internal',
    message: /others than its owner may write to/,
  });
  const linked = freshRoot();
  fs.mkdirSync(linked);
  fs.symlinkSync(freshRoot(), path.join(linked, 'pods'));
  await assert.rejects(new FileStore({ root: linked }).create('a'), { message: /is no directory/ });
});

test('what is no pod is neither listed nor taken', async () => {
  const root = freshRoot();
  const store = new FileStore({ root });
  const owned = await store.create('a');
  const pods = path.join(root, 'pods');
  fs.writeFileSync(path.join(pods, 'file'), '');
  fs.symlinkSync('a', path.join(pods, 'link'));
  fs.mkdirSync(path.join(pods, '.hidden'));
  fs.mkdirSync(path.join(pods, 'sp ace'));
  assert.deepEqual(await store.list(), ['a']);
  for (const id of ['file', 'link']) {
    await assert.rejects(store.load(id), { code: 'not-found' });
    await assert.rejects(store.takeOver(id), { code: 'not-found' });
    await assert.rejects(store.create(id), { code: /already-exists|internal/ });
  }
  await owned.remove();
});

const moduleUrl = JSON.stringify(new URL('./file-store.js', import.meta.url).href);

/** Runs `body` as a module in a process of its own, with a store `store` and its `root`. */
function startOwner(root: string, body: string) {
  const code = `
    const { FileStore } = await import(${moduleUrl});
    const root = ${JSON.stringify(root)};
    const store = new FileStore({ root });
    ${body}`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('an owner that is killed leaves a lock that is free, a record that is whole and names that can be freed', async () => {
  const root = freshRoot();
  const owner = startOwner(
    root,
    `const owned = await store.create('a');
     await owned.reserveContainer('web');
     console.log('ready');
     setInterval(() => {}, 1000);`,
  );
  const exited = new Promise((resolve) => owner.once('exit', resolve));
  await new Promise((resolve) => owner.stdout.once('data', resolve));
  const store = new FileStore({ root });
  assert.equal(await store.hasLiveOwner('a'), true);
  await assert.rejects(store.takeOver('a'), { code: 'invalid-state' });
  owner.kill('SIGKILL');
  await exited;
  assert.equal(await store.hasLiveOwner('a'), false);
  await (await store.takeOver('a')).remove();
  assert.deepEqual(fs.readdirSync(path.join(root, 'containers')), []);
});

test('a child of an owner does not keep the lock', async () => {
  const root = freshRoot();
  const store = new FileStore({ root });
  const owned = await store.create('a');
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await owned.close();
  assert.equal(await store.hasLiveOwner('a'), false);
  child.kill('SIGKILL');
  await (await store.takeOver('a')).remove();
});

test('processes that create, take over and remove the same pod at once never hold it together', async () => {
  const root = freshRoot();
  const workers = Array.from({ length: 3 }, () =>
    startOwner(
      root,
      `import fs from 'node:fs';
       const codes = new Set();
       for (let round = 0; round < 60; round++) {
         let owned;
         try {
           owned = await (round % 3 === 0 ? store.takeOver('a') : store.create('a'));
         } catch (error) {
           codes.add(error.code);
           continue;
         }
         // Fails if another one is between these two lines.
         fs.writeFileSync(root + '/alone', '', { flag: 'wx' });
         // One that was taken over may have the name already.
         await owned.reserveContainer('web').catch((error) => {
           if (error.details.podId !== 'a') throw error;
         });
         await store.list();
         fs.unlinkSync(root + '/alone');
         await (round % 4 === 0 ? owned.close() : owned.remove());
       }
       console.log(JSON.stringify([...codes]));`,
    ),
  );
  const outcomes = workers.map(async (worker) => {
    let output = '';
    worker.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    const code = await new Promise((resolve) => worker.once('close', resolve));
    assert.equal(code, 0);
    return JSON.parse(output) as string[];
  });
  for (const code of (await Promise.all(outcomes)).flat()) {
    assert.match(code, /^(already-exists|not-found|invalid-state)$/);
  }
  const store = new FileStore({ root });
  for (const id of await store.list()) await (await store.takeOver(id)).remove();
  assert.deepEqual(fs.readdirSync(path.join(root, 'pods')), []);
  assert.deepEqual(fs.readdirSync(path.join(root, 'containers')), []);
});

test('what owners left that were killed while making or removing a pod is swept away', async () => {
  const root = freshRoot();
  const store = new FileStore({ root });
  const owned = await store.create('a');
  const pods = path.join(root, 'pods');
  for (const name of ['.new-1', '.gone-2']) {
    fs.mkdirSync(path.join(pods, name));
    fs.writeFileSync(path.join(pods, name, 'lock'), '');
  }
  fs.mkdirSync(path.join(pods, '.new-3'));
  assert.deepEqual(await store.list(), ['a']);
  assert.deepEqual(fs.readdirSync(pods), ['a']);
  await owned.remove();
});

test('removing follows no link', async () => {
  const root = freshRoot();
  const outside = path.join(scratch, 'outside');
  fs.mkdirSync(path.join(outside, 'deep'), { recursive: true });
  fs.writeFileSync(path.join(outside, 'deep', 'canary'), 'alive');
  const owned = await new FileStore({ root }).create('a');
  fs.mkdirSync(path.join(owned.directory, 'share', 'x'), { recursive: true });
  fs.symlinkSync(outside, path.join(owned.directory, 'share', 'link'));
  fs.symlinkSync(outside, path.join(owned.directory, 'share', 'x', 'link'));
  fs.symlinkSync(path.join(outside, 'deep'), path.join(owned.directory, 'names'));
  await assert.rejects(owned.reserveContainer('canary'), { code: 'internal', message: /EEXIST/ });
  await owned.releaseContainer('canary');
  fs.linkSync(path.join(outside, 'deep', 'canary'), path.join(owned.directory, 'hard'));
  await owned.remove();
  assert.equal(fs.readFileSync(path.join(outside, 'deep', 'canary'), 'utf8'), 'alive');
  assert.deepEqual(fs.readdirSync(path.join(root, 'pods')), []);
});

test('removing enters no mount, says so, and goes on when the mount is gone', () => {
  const root = freshRoot();
  const outside = path.join(scratch, 'mounted');
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'canary'), 'alive');
  // In a mount namespace of its own, so nothing stays mounted whatever happens.
  const code = `
    const { spawnSync } = await import('node:child_process');
    const fs = await import('node:fs');
    const { FileStore } = await import(${moduleUrl});
    const store = new FileStore({ root: ${JSON.stringify(root)} });
    const owned = await store.create('a');
    await owned.reserveContainer('web');
    const point = owned.directory + '/share/point';
    fs.mkdirSync(point, { recursive: true });
    const run = (...argv) => { if (spawnSync(argv[0], argv.slice(1)).status !== 0) throw new Error(argv.join(' ')); };
    run('mount', '--bind', ${JSON.stringify(outside)}, point);
    const error = await owned.remove().then(() => null, (error) => error);
    const listed = await store.list();
    run('umount', point);
    await owned.remove();
    console.log(JSON.stringify({ code: error?.code, message: error?.message, listed, after: await store.list() }));`;
  const asRoot = process.geteuid?.() === 0;
  const unshared = spawnSync(
    'unshare',
    [asRoot ? '-m' : '-rm', process.execPath, '--input-type=module', '-e', code],
    { encoding: 'utf8' },
  );
  assert.equal(unshared.status, 0, unshared.stderr);
  const seen = JSON.parse(unshared.stdout) as Record<string, unknown>;
  assert.equal(seen['code'], 'internal');
  assert.match(String(seen['message']), /^cannot remove pod a: E(XDEV|BUSY)/);
  assert.deepEqual([seen['listed'], seen['after']], [['a'], []]);
  assert.equal(fs.readFileSync(path.join(outside, 'canary'), 'utf8'), 'alive');
  assert.deepEqual(fs.readdirSync(path.join(root, 'containers')), []);
});

for (const code of ['ENOSPC', 'EROFS', 'EMFILE', 'EIO']) {
  test(`${code} at any step of making a pod names its cause and leaves nothing`, async () => {
    for (let failing = 1; ; failing++) {
      const root = freshRoot();
      const { files, calls } = failingFiles(failing, code);
      const before = fs.readdirSync('/proc/self/fd').length;
      try {
        const owned = await new FileStore({ root, files }).create('a');
        await owned.close();
        assert.ok(failing > 5);
        assert.ok(calls().length < failing, 'a failure was swallowed');
        break;
      } catch (error) {
        const { code: ours, message, cause } = error as VirtcontainersError;
        assert.equal(ours, 'internal');
        assert.match(message, new RegExp(`^cannot create pod a: ${code}: injected`));
        assert.ok(cause instanceof Error);
      }
      assert.deepEqual(await new FileStore({ root }).list(), []);
      const pods = path.join(root, 'pods');
      if (fs.existsSync(pods)) assert.deepEqual(fs.readdirSync(pods), []);
      assert.equal(fs.readdirSync('/proc/self/fd').length, before, 'a descriptor is left open');
    }
  });

  test(`${code} at any step of a save leaves the old record or the new one, whole`, async () => {
    const root = freshRoot();
    const old = await new FileStore({ root }).create('a');
    await old.save(sampleRecord('a'));
    await old.close();
    const reader = new FileStore({ root });
    for (let failing = 1; ; failing++) {
      const { files, calls } = failingFiles(Number.POSITIVE_INFINITY, code);
      const probe = await new FileStore({ root, files }).takeOver('a');
      const offset = calls().length;
      await probe.close();
      const faulty = failingFiles(offset + failing, code);
      const owned = await new FileStore({ root, files: faulty.files }).takeOver('a');
      const next = { ...sampleRecord('a'), owner: { pid: failing, startTime: '1' } };
      const failure = await owned.save(next).then(
        () => null,
        (error: VirtcontainersError) => error,
      );
      const { pid } = (await reader.load('a')).owner;
      if (failure === null) {
        assert.equal(pid, failing);
        assert.ok(failing > 5 && faulty.calls().length < offset + failing);
        await owned.close();
        await (await reader.takeOver('a')).remove();
        return;
      }
      assert.equal(failure.code, 'internal');
      assert.match(failure.message, new RegExp(`^cannot save pod a: ${code}: injected`));
      // The next save works.
      await owned.save({ ...next, owner: { pid: 1000 + failing, startTime: '1' } });
      assert.equal((await reader.load('a')).owner.pid, 1000 + failing);
      const left = fs.readdirSync(owned.directory).sort();
      assert.deepEqual(left, ['lock', 'record.json']);
      await owned.close();
    }
  });

  test(`${code} at any step of removing a pod leaves one that can be removed`, async () => {
    for (let failing = 1; ; failing++) {
      const root = freshRoot();
      const probeFiles = failingFiles(Number.POSITIVE_INFINITY, code);
      const prepare = async (files: Files) => {
        const owned = await new FileStore({ root, files }).create('a');
        await owned.reserveContainer('web');
        fs.mkdirSync(path.join(owned.directory, 'share', 'x'), { recursive: true });
        return owned;
      };
      const probe = await prepare(probeFiles.files);
      const offset = probeFiles.calls().length;
      await probe.remove();
      // The two directories are there now, which saves some steps.
      fs.rmSync(root, { recursive: true });
      const faulty = failingFiles(offset + failing, code);
      const owned = await prepare(faulty.files);
      const failure = await owned.remove().then(
        () => null,
        (error: VirtcontainersError) => error,
      );
      if (failure !== null) {
        assert.match(failure.message, new RegExp(`^cannot remove pod a: ${code}: injected`));
        await owned.remove();
      }
      await new FileStore({ root }).list();
      assert.deepEqual(fs.readdirSync(path.join(root, 'pods')), []);
      assert.deepEqual(fs.readdirSync(path.join(root, 'containers')), []);
      if (failure !== null) continue;
      assert.ok(failing > 8 && faulty.calls().length < offset + failing);
      return;
    }
  });
}
