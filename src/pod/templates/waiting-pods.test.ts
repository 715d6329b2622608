// Tests of pods that wait: how many there are, who gets them, who sees them, and what becomes of those that nobody gets.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, test } from 'node:test';
import { type Logger, silentLogger } from '../../base/log.js';
import type { PodEvent } from '../../model/events.js';
import { anyDirectory, PodWorld } from '../../testing/pod-world.js';
import { LocalRuntime } from '../local-runtime.js';

const root = await mkdtemp(path.join(tmpdir(), 'virtc-waiting-'));
after(() => rm(root, { recursive: true, force: true }));
const worlds: PodWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.runtime.close();
});

/** How often a container was removed, by world: twice in each pod that is warmed up. */
const removals = new Map<PodWorld, number>();

async function worldWith(warm: number, arrange: (world: PodWorld) => void = () => {}) {
  const onStep = (step: string): void => {
    if (step === 'destroy') removals.set(world, (removals.get(world) ?? 0) + 1);
  };
  const world: PodWorld = new PodWorld({
    origin: 'clone',
    root: await mkdtemp(path.join(root, 'pods-')),
    crun: { onStep },
    warm,
  });
  worlds.push(world);
  arrange(world);
  return world;
}

async function until(condition: () => boolean, what = 'what is waited for'): Promise<void> {
  for (let round = 0; round < 400 && !condition(); round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(condition(), what);
}

/** Until so many have been made and warmed up since the beginning. */
async function filled(world: PodWorld, total: number): Promise<void> {
  await until(() => removals.get(world) === 2 * total, `${total} that wait`);
  // The answer to the last call is on its way.
  await new Promise((resolve) => setTimeout(resolve, 20));
  removals.set(world, 2 * total);
}

test('as many as are asked for wait, each a clone that was warmed up and keeps nobody awake', async () => {
  const world = await worldWith(2);
  await filled(world, 2);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(world.left, { vms: 2, shares: 2, binds: 2, records: 2, names: 0 });
  for (const vm of world.hypervisor.vms) {
    assert.equal(vm.origin.kind, 'clone');
    assert.deepEqual([vm.isAwake, vm.crun.containers.size], [false, 0]);
  }
  assert.deepEqual(world.events, [], 'nobody has asked for a step of them');
});

test('none are made where none are asked for', async () => {
  const world = await worldWith(0);
  await world.runtime.createPod().then((pod) => pod.delete({ force: true }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(world.hypervisor.vms.length, 1);
  world.assertNothingLeft();
});

test('one that waits is handed out at once, to one alone, and another takes its place', async () => {
  const world = await worldWith(2);
  await filled(world, 2);
  const pods = await Promise.all([1, 2, 3].map(() => world.runtime.createPod()));
  assert.equal(new Set(pods.map(({ id }) => id)).size, 3);
  for (const vm of world.hypervisor.vms.slice(0, 2)) assert.equal(vm.isAwake, true, 'it is in use');
  await filled(world, 4);
  assert.equal(world.left.vms, 5);
  for (const pod of pods) await pod.delete({ force: true });
  assert.equal(world.left.vms, 2, 'whoever deletes a pod deletes his own');
  await world.runtime.close();
  world.assertNothingLeft();
});

test('it is what was asked for: its name, its labels, its size, its identity, and nothing of its past', async () => {
  const world = await worldWith(1);
  await filled(world, 1);
  const { vm } = world.hypervisor;
  const before = Date.now();
  const steps: string[] = [];
  const pod = await world.runtime.createPod({
    hostname: 'box',
    labels: { for: 'me' },
    cpus: 2,
    memoryMiB: 1024,
    onProgress: ({ step, phase }) => phase === 'begin' && steps.push(step),
  });
  assert.equal(world.hypervisor.vms[0], vm);
  const status = await pod.status();
  assert.deepEqual(
    [status.labels, status.cpus, status.memoryMiB, status.state, status.origin, status.containers],
    [{ for: 'me' }, 2, 1024, 'ready', 'clone', []],
  );
  assert.ok(Date.parse(status.createdAt) >= before, 'made when it was asked for');
  const identities = vm.system.identities;
  assert.equal(identities.at(-1)?.hostname, 'box');
  assert.notEqual(identities.at(-1)?.machineId, identities.at(-2)?.machineId);
  assert.notDeepEqual(identities.at(-1)?.entropy, identities.at(-2)?.entropy);
  assert.deepEqual(steps, ['personalize', 'resize']);
  assert.deepEqual(
    pod.timings.map(({ step }) => step),
    ['personalize', 'resize'],
  );
  const record = await world.store.load(pod.id);
  assert.deepEqual([record.waiting, record.config.hostname], [false, 'box']);
  const container = await pod.createContainer({ rootfs: anyDirectory, command: ['exit', '3'] });
  await container.start();
  assert.equal((await container.wait()).code, 3);
  await pod.stop();
  await pod.start();
  await pod.delete({ force: true });
});

test('it is in no list and tells no events before it is handed out, and its events begin with that', async () => {
  const world = await worldWith(1);
  const events: PodEvent[] = [];
  const controller = new AbortController();
  const listening = (async () => {
    for await (const event of world.runtime.events({ signal: controller.signal })) {
      events.push(event);
    }
  })();
  await filled(world, 1);
  const other = new PodWorld({ other: world });
  for (const runtime of [world.runtime, other.runtime]) {
    assert.deepEqual(await runtime.listPods(), []);
  }
  assert.deepEqual(await other.runtime.gc(), { removed: [], failed: [] });
  const pod = await world.runtime.createPod();
  for (const runtime of [world.runtime, other.runtime]) {
    assert.deepEqual(
      (await runtime.listPods()).map(({ id }) => id),
      [pod.id],
    );
  }
  await pod.delete({ force: true });
  controller.abort();
  await listening.catch(() => {});
  assert.deepEqual(
    events.map((event) => [event.kind, 'podId' in event ? event.podId : '']),
    ['pod-ready', 'pod-stopped', 'pod-deleted'].map((kind) => [kind, pod.id]),
  );
});

test('who wants a name of his own, or a boot, gets none that waits', async () => {
  const world = await worldWith(1);
  await filled(world, 1);
  const named = await world.runtime.createPod({ id: 'mine' });
  const cold = await world.runtime.createPod({ template: false });
  assert.equal((await cold.status()).origin, 'boot');
  assert.deepEqual([named.id, world.hypervisor.vms[0]?.isAwake], ['mine', false]);
  for (const pod of [named, cold]) await pod.delete({ force: true });
});

test('all that wait are gone when the runtime is closed, and nobody’s pods with them', async () => {
  const world = await worldWith(2);
  await filled(world, 2);
  const pod = await world.runtime.createPod();
  await world.runtime.close();
  assert.deepEqual(
    { ...world.left, binds: 0 },
    { vms: 1, shares: 1, binds: 0, records: 1, names: 0 },
  );
  await world.runtime.close();
  const later = await world.runtime.createPod();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(world.left.vms, 2, 'none is made any more');
  for (const one of [pod, later]) await one.delete({ force: true });
  world.assertNothingLeft();
  assert.deepEqual(await readdir(world.disk.root ?? ''), []);
});

test('a runtime that is closed while one is being made leaves nothing of it', async () => {
  for (const at of ['hypervisor.start', 'agent.personalize', 'agent.createContainer']) {
    let reached = false;
    const world = await worldWith(1, (made) => {
      made.faults.onCall = (_call, name) => {
        reached ||= name === at;
      };
    });
    await until(() => reached, at);
    await world.runtime.close();
    world.assertNothingLeft(at);
  }
});

test('what cannot be deleted at the end is told', async () => {
  const world = await worldWith(1);
  await filled(world, 1);
  const release = world.hypervisor.release.bind(world.hypervisor);
  world.hypervisor.release = () => Promise.reject(new Error('it is still there'));
  await assert.rejects(world.runtime.close(), {
    code: 'internal',
    message: /^cannot delete waiting pods: .*it is still there/,
  });
  world.hypervisor.release = release;
});

test('a program that ends needs not close its runtime: that deletes what waits', async () => {
  const listeners = process.listenerCount('beforeExit');
  const world = await worldWith(1);
  await filled(world, 1);
  assert.equal(process.listenerCount('beforeExit'), listeners + 1);
  // Not by an event: that would end the tests.
  process.listeners('beforeExit').at(-1)?.(0);
  await until(() => world.left.records === 0, 'nothing waits');
  assert.equal(process.listenerCount('beforeExit'), listeners);
  world.assertNothingLeft();
});

test('that none can be made harms nobody, and is tried again with the next pod', async () => {
  let isBroken = true;
  let refused = 0;
  const world = await worldWith(1, (made) => {
    made.hypervisor.onStart = () => {
      if (!isBroken) return;
      refused += 1;
      throw new Error('no VM today');
    };
  });
  await until(() => refused === 2);
  await until(() => world.left.records === 0);
  isBroken = false;
  const pod = await world.runtime.createPod();
  assert.equal((await pod.status()).state, 'ready');
  await until(() => world.hypervisor.vms.some(({ ended, isAwake }) => !ended && !isAwake));
  await pod.delete({ force: true });
});

test('one that cannot be warmed up is not handed out, and nothing is left of it', async () => {
  let attempts = 0;
  const world = await worldWith(1, (made) => {
    made.faults.onCall = (_call, name) => {
      if (name !== 'agent.createContainer') return;
      attempts += 1;
      throw new Error('no room');
    };
  });
  await until(() => attempts === 1 && world.left.records === 0);
  world.assertNothingLeft();
});

test('that one could not be made or warmed up is logged, with the reason, and not again at the end', async (t) => {
  const notes: unknown[] = [];
  t.mock.method(silentLogger, 'warn', (fields: unknown, text: string) =>
    notes.push([fields, text]),
  );
  for (const name of ['hypervisor.start', 'agent.createContainer']) {
    notes.length = 0;
    const world = await worldWith(1, (made) => {
      made.faults.onCall = (_call, call) => {
        if (call === name) throw new Error('no room');
      };
    });
    await until(() => notes.length > 0 && world.left.records === 0);
    await world.runtime.close();
    assert.equal(notes.length, 1, name);
    const [[fields, text] = []] = notes as [{ reason: string; left: unknown }, string][];
    assert.match(fields?.reason ?? '', /no room$/);
    assert.deepEqual([fields?.left, text], [[], 'a waiting pod was not made']);
  }
});

test('of two who close at once none is done before all is gone, and both are told what failed', async () => {
  const world = await worldWith(1);
  await filled(world, 1);
  const closing = [world.runtime.close(), world.runtime.close()];
  await closing[1];
  world.assertNothingLeft();
  await closing[0];

  const broken = await worldWith(1);
  await filled(broken, 1);
  const release = broken.hypervisor.release.bind(broken.hypervisor);
  broken.hypervisor.release = () => Promise.reject(new Error('stuck'));
  const results = await Promise.allSettled([broken.runtime.close(), broken.runtime.close()]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  broken.hypervisor.release = release;
});

test('who has given up already takes none that waits', async () => {
  const world = await worldWith(1);
  await filled(world, 1);
  const signal = AbortSignal.abort();
  await assert.rejects(world.runtime.createPod({ signal }), { name: 'AbortError' });
  const [waiting = assert.fail()] = world.hypervisor.vms;
  assert.deepEqual([waiting.ended, waiting.isAwake], [false, false]);
  const pod = await world.runtime.createPod();
  assert.deepEqual([waiting.ended, waiting.isAwake], [false, true]);
  await pod.delete({ force: true });
});

test('where the one that waited has died, its place is taken by a fresh one, and the log says so', async () => {
  const world = await worldWith(1);
  const lines: string[] = [];
  const log: Logger = {
    ...{ debug: () => {}, info: () => {}, error: () => {} },
    warn: (fields, message) => lines.push(`${message}: ${String(fields['reason'])}`),
    child: () => log,
  };
  const runtime = new LocalRuntime(async () => ({ ...world.mechanisms, log }), {
    warm: 1,
    warmRefillMs: 10,
  });
  await filled(world, 2);
  await world.runtime.close();
  assert.equal(world.left.vms, 1);
  const [dead] = world.hypervisor.vms.filter(({ ended }) => !ended);
  dead?.kill();
  const pod = await runtime.createPod({ hostname: 'box' });
  assert.notEqual(world.hypervisor.vm, dead);
  const status = await pod.status();
  assert.deepEqual([status.state, status.origin], ['ready', 'clone']);
  assert.equal(world.hypervisor.vms.filter(({ ended }) => !ended)[0]?.isAwake, true);
  assert.ok(
    lines.some((line) => /^a waiting pod was lost: .*the VM is gone.*SIGKILL/.test(line)),
    lines.join('\n'),
  );
  await pod.delete({ force: true });
  await runtime.close();
  world.assertNothingLeft();
});

test('whatever fails while one is handed out, whoever asked gets another', async () => {
  for (let n = 1; ; n += 1) {
    const world = await worldWith(1);
    await filled(world, 1);
    const [first] = world.hypervisor.vms;
    world.faults.arm(n, 'before');
    const pod = await world.runtime.createPod({ hostname: 'box', memoryMiB: 1024 });
    const call = world.faults.calls[n - 1];
    const isOther = first?.ended === true;
    world.faults.disarm();
    assert.equal((await pod.status()).memoryMiB, 1024, call);
    await pod.delete({ force: true });
    await world.runtime.close();
    world.assertNothingLeft(call);
    if (!isOther) {
      assert.ok(n > 3, `${n} calls`);
      return;
    }
    assert.equal(first.stopped, true, call);
  }
});

test('one that is given up while it is handed out is gone, and that is an abort', async () => {
  for (let n = 1; ; n += 1) {
    const world = await worldWith(1);
    await filled(world, 1);
    world.faults.disarm();
    const controller = new AbortController();
    world.faults.onCall = (call) => call === n && controller.abort('enough');
    const creating = world.runtime.createPod({ memoryMiB: 1024, signal: controller.signal });
    const failure: unknown = await creating.then(
      (pod) => pod.delete({ force: true }).then(() => null),
      (error) => error,
    );
    world.faults.onCall = () => {};
    await world.runtime.close();
    world.assertNothingLeft(`call ${n}`);
    if (failure === null) {
      assert.ok(n > 3, `${n} calls`);
      return;
    }
    const { name, cause } = failure as Error;
    assert.deepEqual([name, cause], ['AbortError', 'enough'], `call ${n}: ${String(failure)}`);
  }
});
