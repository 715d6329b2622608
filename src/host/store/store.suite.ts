// What every store must do, to be run on each implementation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtcontainersError } from '../../base/errors.js';
import type { PodRecord, Store } from './store.js';

export interface StoreUnderTest {
  readonly store: Store;
  /** The same pods as another process sees them. */
  readonly other: Store;
  dispose(): Promise<void>;
}

/** A record with everything in it that a record can have. */
export function sampleRecord(podId: string): PodRecord {
  return {
    version: 1,
    writtenBy: '0.1.0',
    config: { id: podId, hostname: podId, cpus: 1, memoryMiB: 512, labels: { __proto__x: 'ü\n' } },
    state: 'running',
    createdAt: '2025-01-01T00:00:00.000Z',
    owner: { pid: 1, startTime: '12345678901234567890' },
    detached: true,
    handles: [
      {
        kind: 'vm',
        hypervisor: 'qemu',
        process: { pid: 2, startTime: '3' },
        cgroups: ['/sys/fs/cgroup/a'],
      },
      { kind: 'share', directory: '/run/x/share' },
    ],
    containers: [
      {
        config: {
          id: 'web',
          rootfs: { kind: 'directory', path: '/srv/root, with comma', writes: 'discard' },
          readOnlyRootfs: false,
          process: {
            command: ['sh', '-c', 'true'],
            env: { PATH: '/bin', EMPTY: '' },
            cwd: '/',
            user: '0',
            terminal: { columns: 80, rows: 24 },
            stdin: true,
          },
          init: false,
          hostname: null,
          mounts: [
            { kind: 'bind', source: '/a', destination: '/b', readOnly: true },
            { kind: 'tmpfs', destination: '/t', sizeBytes: null, options: ['noexec'] },
          ],
          resources: { memoryBytes: 1024, cpus: 1.5, pids: 100 },
          capabilities: ['CAP_CHOWN'],
          rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 'unlimited' }],
          stopSignal: 'SIGTERM',
          labels: {},
        },
        state: 'stopped',
        createdAt: '2025-01-01T00:00:00.000Z',
        startedAt: '2025-01-01T00:00:01.000Z',
        finishedAt: '2025-01-01T00:00:02.000Z',
        exit: { code: 137, signal: 'SIGKILL', reason: 'oom' },
      },
    ],
    accelerator: 'tcg',
    origin: 'boot',
    waiting: false,
  };
}

/** Declares the tests; `open` makes an empty store. */
export function testStore(name: string, open: () => Promise<StoreUnderTest>): void {
  const check = (title: string, run: (stores: StoreUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const stores = await open();
      try {
        await run(stores);
      } finally {
        await stores.dispose();
      }
    });
  };

  check('an empty store has no pods', async ({ store }) => {
    assert.deepEqual(await store.list(), []);
    assert.equal(await store.hasLiveOwner('a'), false);
    await assert.rejects(store.load('a'), { code: 'not-found' });
    await assert.rejects(store.takeOver('a'), { code: 'not-found' });
  });

  check('where a pod lies is known before it does', async ({ store, other }) => {
    const directory = store.directoryOf('a');
    assert.deepEqual(await store.list(), []);
    assert.throws(() => store.directoryOf('../a'), { code: 'invalid-argument' });
    const owned = await store.create('a');
    assert.equal(owned.directory, directory);
    assert.equal(other.directoryOf('a'), directory);
    await owned.remove();
  });

  check('a record comes back as it was saved, here and elsewhere', async ({ store, other }) => {
    const owned = await store.create('a');
    await owned.save(sampleRecord('a'));
    assert.deepEqual(await owned.load(), sampleRecord('a'));
    assert.deepEqual(await other.load('a'), sampleRecord('a'));
    assert.equal(owned.podId, 'a');
    await owned.remove();
  });

  for (const state of ['ready', 'running', 'paused', 'stopped'] as const) {
    check(`a pod and a container that are ${state} are kept as such`, async ({ store, other }) => {
      const owned = await store.create('a');
      const record = sampleRecord('a');
      const containers = record.containers.map((container) => ({ ...container, state }));
      await owned.save({ ...record, state, containers });
      const loaded = await other.load('a');
      assert.deepEqual([loaded.state, loaded.containers[0]?.state], [state, state]);
      await owned.remove();
    });
  }

  check('the last of many saves wins, begun without waiting', async ({ store, other }) => {
    const owned = await store.create('a');
    const saves = [1, 2, 3, 4, 5].map((pid) =>
      owned.save({ ...sampleRecord('a'), owner: { pid, startTime: '1' } }),
    );
    await Promise.all(saves);
    assert.equal((await other.load('a')).owner.pid, 5);
    await owned.remove();
  });

  check('a pod without a record is listed, and says so when it is loaded', async ({ store }) => {
    const owned = await store.create('a');
    assert.deepEqual(await store.list(), ['a']);
    for (const load of [store.load('a'), owned.load()]) {
      await assert.rejects(load, (error: VirtcontainersError) => {
        assert.match(error.message, /^cannot load pod a: /);
        assert.deepEqual([error.code, error.details['reason']], ['internal', 'no-record']);
        return true;
      });
    }
    await owned.remove();
  });

  check('an id is used once, whoever lives', async ({ store, other }) => {
    const owned = await store.create('a');
    await assert.rejects(other.create('a'), {
      code: 'already-exists',
      message: 'cannot create pod a: it exists',
    });
    await owned.close();
    await assert.rejects(store.create('a'), (error: VirtcontainersError) => {
      assert.deepEqual([error.code, error.details['podId']], ['already-exists', 'a']);
      return true;
    });
    assert.deepEqual(await store.list(), ['a']);
    await (await store.takeOver('a')).remove();
    await (await store.create('a')).remove();
  });

  check('of many who create the same pod one wins', async ({ store, other }) => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : other).create('a')),
    );
    const won = attempts.flatMap((attempt) =>
      attempt.status === 'fulfilled' ? [attempt.value] : [],
    );
    assert.equal(won.length, 1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') assert.equal(attempt.reason.code, 'already-exists');
    }
    await won[0]?.remove();
    assert.deepEqual(await store.list(), []);
  });

  check(
    'an owner lives until it closes, and nobody takes over before',
    async ({ store, other }) => {
      const owned = await store.create('a');
      assert.equal(await other.hasLiveOwner('a'), true);
      assert.equal(await store.hasLiveOwner('a'), true);
      await assert.rejects(other.takeOver('a'), {
        code: 'invalid-state',
        message: /its owner lives/,
      });
      await owned.save(sampleRecord('a'));
      await owned.close();
      await owned.close();
      assert.equal(await other.hasLiveOwner('a'), false);
      const taken = await other.takeOver('a');
      assert.equal(await store.hasLiveOwner('a'), true);
      assert.deepEqual(await taken.load(), sampleRecord('a'));
      await assert.rejects(owned.save(sampleRecord('a')), { code: 'invalid-state' });
      await taken.remove();
    },
  );

  check('looking whether the owner lives disturbs nobody', async ({ store, other }) => {
    const owned = await store.create('a');
    await owned.save(sampleRecord('a'));
    await owned.close();
    const looks = Array.from({ length: 50 }, () => other.hasLiveOwner('a'));
    const taken = await store.takeOver('a');
    await Promise.all(looks);
    assert.equal(await other.hasLiveOwner('a'), true);
    await taken.remove();
  });

  check('of two who take over one wins', async ({ store, other }) => {
    await (await store.create('a')).close();
    const attempts = await Promise.allSettled([store.takeOver('a'), other.takeOver('a')]);
    assert.deepEqual(attempts.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    for (const attempt of attempts) {
      if (attempt.status === 'fulfilled') await attempt.value.remove();
      else assert.equal(attempt.reason.code, 'invalid-state');
    }
  });

  check('a removed pod is gone; removing it again is no error', async ({ store, other }) => {
    const owned = await store.create('a');
    await owned.save(sampleRecord('a'));
    await Promise.all([owned.remove(), owned.remove()]);
    await owned.remove();
    assert.deepEqual(await other.list(), []);
    await assert.rejects(other.load('a'), { code: 'not-found' });
    await assert.rejects(other.takeOver('a'), { code: 'not-found' });
    await assert.rejects(owned.save(sampleRecord('a')), { code: 'invalid-state' });
    await (await other.create('a')).remove();
  });

  check('a container’s name is unique among all pods', async ({ store, other }) => {
    const [first, second] = [await store.create('a'), await other.create('b')];
    await first.reserveContainer('web');
    await assert.rejects(second.reserveContainer('web'), {
      code: 'already-exists',
      message: 'cannot create container web: pod a has a container of that name',
    });
    await assert.rejects(first.reserveContainer('web'), { code: 'already-exists' });
    // What is not its own a pod cannot release.
    await second.releaseContainer('web');
    await assert.rejects(second.reserveContainer('web'), { code: 'already-exists' });
    await first.releaseContainer('web');
    await first.releaseContainer('web');
    await second.reserveContainer('web');
    await first.remove();
    await second.remove();
  });

  check('removing a pod frees its names, also in another process', async ({ store, other }) => {
    const owned = await store.create('a');
    for (const name of ['web', 'db']) await owned.reserveContainer(name);
    await owned.close();
    await (await other.takeOver('a')).remove();
    const next = await store.create('b');
    for (const name of ['web', 'db']) await next.reserveContainer(name);
    await next.remove();
  });

  for (const id of ['../x', 'a/b', '', '.', '..', '-rf', 'a\0b', 'a\n', 'x'.repeat(200), 'ä']) {
    check(`the id ${JSON.stringify(id.slice(0, 10))} never becomes a path`, async ({ store }) => {
      for (const attempt of [
        store.create(id),
        store.takeOver(id),
        store.load(id),
        store.hasLiveOwner(id),
      ]) {
        await assert.rejects(attempt, { code: 'invalid-argument' });
      }
      const owned = await store.create('a');
      await assert.rejects(owned.reserveContainer(id), { code: 'invalid-argument' });
      await assert.rejects(owned.releaseContainer(id), { code: 'invalid-argument' });
      await owned.remove();
      assert.deepEqual(await store.list(), []);
    });
  }
}
