// Tests of pods that other processes own: detached ones, those of programs, and their ends.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { sleep } from '../base/deadline.js';
import { VirtcontainersError } from '../base/errors.js';
import type { ProgressEvent } from '../model/progress.js';
import { OwnerWorld } from '../testing/owner-world.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';
import { OwnerRuntime } from './owner-runtime.js';

const command = ['sleep', 'infinity'];

function check(title: string, run: (world: OwnerWorld, root: string) => Promise<void>): void {
  test(title, { timeout: 30_000 }, async (t) => {
    const root = mkdtempSync(path.join(tmpdir(), 'virtc-owner-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    const world = new OwnerWorld(root);
    await run(world, root);
    await world.runtime.close();
    world.host.assertNothingLeft();
  });
}

check('a detached pod has a shim as its owner, which says so and ends with it', async (world) => {
  const pod = await world.runtime.createPod({ id: 'p', detached: true, labels: { a: 'b' } });
  const status = await world.otherProcess().podStatus('p');
  assert.deepEqual([status.detached, status.labels], [true, { a: 'b' }]);
  const container = await pod.createContainer({ id: 'c', rootfs: anyDirectory, command });
  await container.start();
  assert.equal((await pod.status()).state, 'running');
  await pod.delete({ force: true });
  assert.equal(await world.shims[0]?.exited, 0);
});

check('steps of a detached pod are told, and its shim keeps a log', async (world, root) => {
  const told: ProgressEvent[] = [];
  const onProgress = (event: ProgressEvent): void => {
    told.push(event);
    throw new Error('a fault of the listener');
  };
  const pod = await world.runtime.createPod({ id: 'p', detached: true, onProgress });
  assert.deepEqual(
    told.filter(({ phase }) => phase === 'end').map(({ step }) => step),
    ['store', 'share', 'vm-spawn', 'vm-boot', 'personalize'],
  );
  assert.ok(world.host.events.some(({ step }) => step === 'vm-boot'));
  await pod.delete({ force: true });
  await world.shims[0]?.exited;
  assert.match(
    readFileSync(path.join(root, 'lib/logs/p/shim.log'), 'utf8'),
    /the shim owns the pod/,
  );
});

check(
  'what a detached pod cannot be made for is said as by a pod of this process',
  async (world) => {
    await assert.rejects(world.runtime.createPod({ detached: true, cpus: 99_999 }), {
      code: 'invalid-argument',
    });
    assert.equal(world.shims.length, 0);
    world.host.hypervisor.onStart = () => {
      throw new VirtcontainersError('unsupported', 'no such machine', {
        hint: 'buy another',
        details: { machine: 'none' },
      });
    };
    await assert.rejects(world.runtime.createPod({ id: 'p', detached: true }), (error) => {
      assert.ok(error instanceof VirtcontainersError);
      assert.equal(error.code, 'unsupported');
      assert.match(error.message, /^cannot create pod p: .*no such machine$/);
      assert.deepEqual([error.hint, error.details['machine']], ['buy another', 'none']);
      return true;
    });
  },
);

check('a pod of that id that is there is an error, and stays', async (world, root) => {
  const pod = await world.runtime.createPod({ id: 'p', detached: true });
  const again = world.otherProcess().createPod({ id: 'p', detached: true });
  await assert.rejects(again, { code: 'already-exists' });
  assert.equal((await pod.status()).state, 'ready');
  assert.ok(existsSync(path.join(root, 'lib/logs/p/shim.log')));
  await pod.delete();
});

check('an abort leaves nothing of a detached pod', async (world) => {
  const abort = new AbortController();
  const reason = new Error('enough');
  world.host.beforeImage = async () => abort.abort(reason);
  await assert.rejects(
    world.runtime.createPod({ detached: true, signal: abort.signal }),
    (error) => error instanceof Error && error.name === 'AbortError' && error.cause === reason,
  );
});

check('a pod that cannot be served is undone', async (world) => {
  world.serveShim = async () => {
    throw new Error('no room for sockets');
  };
  await assert.rejects(world.runtime.createPod({ detached: true }), /no room for sockets/);
});

check('whoever makes a detached pod and cannot reach it does not keep it', async (world) => {
  world.serveShim = async () => ({ close: async () => {} });
  await assert.rejects(world.runtime.createPod({ id: 'p', detached: true }), {
    code: 'unavailable',
    message: 'cannot create pod p: its owner does not answer',
  });
});

check('a pod of one process is opened and deleted by another', async (world) => {
  const pod = await world.runtime.createPod({ id: 'p' });
  assert.equal(await world.runtime.openPod('p'), pod);
  const other = world.otherProcess();
  const opened = await other.openPod('p');
  assert.equal((await opened.status()).detached, false);
  await assert.rejects(other.openPod('q'), { code: 'not-found' });
  const container = await pod.createContainer({ id: 'c', rootfs: anyDirectory, command });
  await container.start();
  await assert.rejects(other.deletePod('p'), { code: 'invalid-state' });
  await other.deletePod('p', { force: true });
  await assert.rejects(other.openPod('p'), { code: 'not-found' });
});

check(
  'an owner of another version is not asked again, and ended by a delete by force',
  async (world) => {
    const pod = await world.runtime.createPod({ id: 'p' });
    const refuse = async (): Promise<never> => {
      throw new VirtcontainersError('unsupported', 'cannot use pod p: it speaks version 2', {
        details: { reason: 'protocol-version' },
      });
    };
    const { runtime } = new PodWorld({ other: world.host });
    const other = new OwnerRuntime(runtime, { serve: refuse, connect: refuse, startShim: refuse });
    await assert.rejects(other.openPod('p'), { code: 'unsupported' });
    await assert.rejects(other.deletePod('p'), { code: 'unsupported' });
    // It is a program here, with pods of its own: that is said instead of ending it.
    await assert.rejects(other.deletePod('p', { force: true }), {
      code: 'unavailable',
      hint: 'end that process: its pods end with it',
    });
    await pod.delete({ force: true });
  },
);

check('a pod that is being made is deleted by force', async (world) => {
  world.host.beforeImage = () => sleep(100);
  const creating = world.runtime.createPod({ id: 'p', detached: true });
  const failed = assert.rejects(creating, { code: 'cancelled' });
  await sleep(20);
  await assert.rejects(world.runtime.deletePod('p'), { code: 'invalid-state' });
  await world.runtime.deletePod('p', { force: true });
  await failed;
});

check('two deletes of one pod both end well', async (world) => {
  await world.runtime.createPod({ id: 'p', detached: true });
  const deletes = [world.runtime, world.otherProcess()].map((one) => one.deletePod('p'));
  await Promise.all(deletes);
  await assert.rejects(world.runtime.deletePod('p'), { code: 'not-found' });
});

check('the pod of a dead owner is not opened, and says what can be done', async (world) => {
  const pod = await world.runtime.createPod({ id: 'p' });
  const other = world.otherProcess();
  world.host.store.die();
  await assert.rejects(other.openPod('p'), (error) => {
    assert.ok(error instanceof VirtcontainersError);
    assert.equal(error.code, 'unavailable');
    assert.match(error.hint ?? '', /deletePod\('p'\)/);
    return true;
  });
  assert.deepEqual((await other.gc()).removed, ['p']);
  void pod;
});

check('a shim that is asked to end stops its pod in order and leaves it', async (world) => {
  const pod = await world.runtime.createPod({ id: 'p', detached: true });
  const container = await pod.createContainer({ id: 'c', rootfs: anyDirectory, command });
  await container.start();
  const [shim] = world.shims;
  shim?.process.emit('SIGTERM');
  assert.equal(await shim?.exited, 0);
  shim?.world.store.die();
  const { state, ownerAlive } = await world.runtime.podStatus('p');
  assert.deepEqual([state, ownerAlive], ['stopped', false]);
  await world.runtime.deletePod('p');
});
