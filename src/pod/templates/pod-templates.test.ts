// Tests of what pods are cloned from: found, made at first use, waited for, made anew, or given up; each seen from `createPod`.
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { VirtcontainersError } from '../../base/errors.js';
import type { VmPlan } from '../../host/hypervisor/hypervisor.js';
import type { TemplateKey } from '../../host/templates/templates.js';
import { defaults } from '../../model/defaults.js';
import { cloneTimeoutMs, templateRetryMs, templateWaitMs } from '../../model/limits.js';
import type { Pod } from '../../model/pod.js';
import { PodWorld } from '../../testing/pod-world.js';
import { bootSize, maxSize } from '../plan/plan-size.js';
import { planVm } from '../plan/plan-vm.js';
import { PodTemplates } from './pod-templates.js';

const worldWithTemplates = (other?: PodWorld) =>
  new PodWorld({ defaults, ...(other === undefined ? {} : { other }) });

/** The key of what a world's pods are cloned from. */
async function keyOf({ mechanisms }: PodWorld): Promise<TemplateKey> {
  const shape = { podId: 'x', hostname: 'x', boot: bootSize, max: maxSize, size: bootSize };
  const plan = planVm(shape, await mechanisms.openImage(), mechanisms);
  return new PodTemplates(mechanisms).keyOf(plan);
}

const originOf = async (pod: Pod) => (await pod.status()).origin;
const origins = ({ hypervisor }: PodWorld) => hypervisor.vms.map(({ origin }) => origin.kind);
const codes = ({ warnings }: PodWorld) => warnings.map(({ code }) => code);

/** Lets the VMs of one origin fail to start, until the answer is called. */
function failing({ hypervisor }: PodWorld, kind: VmPlan['origin']['kind']): () => void {
  hypervisor.onStart = (plan) => {
    if (plan.origin.kind === kind) throw new VirtcontainersError('unavailable', `no ${kind} today`);
  };
  return () => {
    hypervisor.onStart = () => {};
  };
}

async function createAndDelete(world: PodWorld, id?: string) {
  const pod = await world.runtime.createPod(id === undefined ? {} : { id });
  const origin = await originOf(pod);
  await pod.delete({ force: true });
  return origin;
}

test('the first pod makes the template and is cloned from it, the second one finds it', async () => {
  const world = worldWithTemplates();
  const first = await world.runtime.createPod({ id: 'first' });
  assert.deepEqual(origins(world), ['template', 'clone']);
  const [builder, clone] = world.hypervisor.vms;
  assert.equal(builder?.ended, true);
  assert.equal(builder?.crun.containers.size, 0);
  assert.ok((builder?.crun.sharesReleased ?? 0) > 0, 'saved without a mounted share');
  const saved = builder?.savedTo?.replace(/\/state$/, '');
  assert.deepEqual(clone?.origin, {
    kind: 'clone',
    template: {
      directory: saved,
      memory: `${saved}/memory`,
      state: `${saved}/state`,
      id: (await keyOf(world)).id,
      qemuVersion: '0.0.0',
    },
  });
  const second = await world.runtime.createPod();
  assert.deepEqual(origins(world), ['template', 'clone', 'clone']);
  assert.deepEqual([await originOf(first), await originOf(second)], ['clone', 'clone']);
  assert.equal(world.templates.calls.builds, 1);
  assert.deepEqual(world.warnings, []);
  for (const pod of [first, second]) await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('the making is one step of the pod that waits for it, and none of one that finds it', async () => {
  const world = worldWithTemplates();
  await createAndDelete(world, 'p');
  const steps = world.events.filter(({ phase }) => phase === 'begin');
  assert.deepEqual(
    steps.map(({ step, podId }) => `${podId} ${step}`),
    ['store', 'template', 'share', 'vm-spawn', 'vm-boot', 'personalize', 'release'].flatMap(
      (step) => (step === 'release' ? ['p vm-stop', 'p release'] : [`p ${step}`]),
    ),
  );
  world.events.length = 0;
  await createAndDelete(world);
  assert.ok(!world.events.some(({ step }) => step === 'template'));
});

test('a pod that asks for none boots, and so do those of a runtime that has none', async () => {
  const world = worldWithTemplates();
  const pod = await world.runtime.createPod({ template: false });
  assert.equal(await originOf(pod), 'boot');
  assert.equal(world.templates.calls.find, 0);
  await pod.delete({ force: true });
  const without = new PodWorld();
  assert.equal(await createAndDelete(without), 'boot');
  const asked = await without.runtime.createPod({ template: true });
  assert.equal(await originOf(asked), 'clone');
  await asked.delete({ force: true });
  without.assertNothingLeft();
});

test('a stopped pod that starts again is cloned again', async () => {
  const world = worldWithTemplates();
  const pod = await world.runtime.createPod();
  await pod.stop();
  await pod.start();
  assert.deepEqual(origins(world), ['template', 'clone', 'clone']);
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a damaged template is told of once and made anew', async () => {
  const world = worldWithTemplates();
  const key = await keyOf(world);
  world.templates.put(key);
  world.templates.damage(key.id, 'its state has another hash');
  assert.equal(await createAndDelete(world, 'p'), 'clone');
  assert.deepEqual(world.warnings, [
    {
      code: 'template-damaged',
      message: `template ${key.id.slice(0, 12)} is damaged and will be made anew: its state has another hash`,
      podId: 'p',
    },
  ]);
  assert.deepEqual(origins(world), ['template', 'clone']);
  assert.equal(await createAndDelete(world), 'clone');
  assert.equal(world.templates.calls.builds, 1);
  assert.equal(world.warnings.length, 1);
});

test('one that cannot be made is told of once; pods boot, and it is not tried again for a while', async (t) => {
  const world = worldWithTemplates();
  const repair = failing(world, 'template');
  assert.equal(await createAndDelete(world, 'p'), 'boot');
  assert.deepEqual(world.warnings, [
    { code: 'template-failed', message: 'pod p boots cold: no template today', podId: 'p' },
  ]);
  repair();
  for (let times = 0; times < 2; times += 1) assert.equal(await createAndDelete(world), 'boot');
  assert.deepEqual([world.templates.calls.builds, world.warnings.length], [1, 1]);
  atLater(t, templateRetryMs + 1);
  assert.equal(await createAndDelete(world), 'clone');
  assert.deepEqual([world.templates.calls.builds, world.warnings.length], [2, 1]);
  world.assertNothingLeft();
});

function atLater(t: TestContext, ms: number): void {
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + ms);
}

test('while it is not tried again, one that somebody else has made is used', async () => {
  const world = worldWithTemplates();
  failing(world, 'template');
  await createAndDelete(world);
  world.templates.put(await keyOf(world));
  assert.equal(await createAndDelete(world), 'clone');
});

for (const [what, arrange, reason] of [
  ['saved', (w: PodWorld) => (w.templates.commitFailure = new Error('disk full')), 'disk full'],
  ['begun', (w: PodWorld) => (w.templates.beginFailure = new Error('no lock')), 'no lock'],
  [
    'looked for',
    (w: PodWorld) => (w.templates.find = () => Promise.reject(new Error('no access'))),
    'no access',
  ],
] as const) {
  test(`one that cannot be ${what} costs its pod a warning and no more`, async () => {
    const world = worldWithTemplates();
    arrange(world);
    assert.equal(await createAndDelete(world, 'p'), 'boot');
    assert.deepEqual(
      world.warnings.map(({ code, message }) => [code, message]),
      [['template-failed', `pod p boots cold: ${reason}`]],
    );
    world.assertNothingLeft();
  });
}

test('one that another process makes is waited for, and cloned', async () => {
  const world = worldWithTemplates();
  const key = await keyOf(world);
  const builder = world.templates.holdBuild(key);
  const creating = world.runtime.createPod();
  while (world.templates.calls.waitForBuilder === 0) await pause(2);
  await pause(20);
  assert.deepEqual(origins(world), []);
  world.templates.put(key);
  builder.release();
  const pod = await creating;
  assert.equal(await originOf(pod), 'clone');
  assert.deepEqual([world.templates.calls.builds, world.warnings], [0, []]);
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

/** Another process makes the template between the look for it and the right to make it. */
function overtake({ templates }: PodWorld): void {
  const begin = templates.begin.bind(templates);
  templates.begin = async (key) => {
    templates.put(key);
    return begin(key);
  };
}

test('one that another process has made just before it could be begun is used, and not made a second time', async () => {
  const world = worldWithTemplates();
  overtake(world);
  assert.equal(await createAndDelete(world), 'clone');
  assert.deepEqual(origins(world), ['clone']);
  assert.deepEqual([world.templates.calls.commit, world.warnings], [0, []]);
  world.assertNothingLeft();
});

test('a build that is overtaken takes what is there, a rebuild does not', async () => {
  const world = worldWithTemplates();
  overtake(world);
  await world.runtime.templates.build();
  assert.deepEqual(origins(world), []);
  await world.runtime.templates.build({ rebuild: true });
  assert.deepEqual(origins(world), ['template']);
  world.assertNothingLeft();
});

test('where another process has failed to make it, its pods boot cold without a word', async () => {
  const world = worldWithTemplates();
  const builder = world.templates.holdBuild(await keyOf(world));
  const creating = world.runtime.createPod();
  while (world.templates.calls.waitForBuilder === 0) await pause(2);
  builder.release();
  const pod = await creating;
  assert.equal(await originOf(pod), 'boot');
  assert.deepEqual(world.warnings, []);
  await pod.delete({ force: true });
});

/** Lets waits for a builder pass at once; the answer tells how long they have been. */
function hurry(t: TestContext): readonly number[] {
  const waits: number[] = [];
  let laterMs = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + laterMs);
  const { setTimeout: wait } = globalThis;
  t.mock.method(globalThis, 'setTimeout', (callback: () => void, ms: number) => {
    if (ms <= templateWaitMs / 2 || ms > templateWaitMs) return wait(callback, ms);
    waits.push(Math.ceil(ms));
    return wait(() => {
      laterMs += ms;
      callback();
    }, 20);
  });
  return waits;
}

test('where waiting takes longer than a boot, the pod boots cold without a word', async (t) => {
  const world = worldWithTemplates();
  const builder = world.templates.holdBuild(await keyOf(world));
  const waits = hurry(t);
  assert.equal(await createAndDelete(world), 'boot');
  t.mock.reset();
  assert.deepEqual([waits, world.warnings], [[templateWaitMs], []]);
  builder.release();
  assert.equal(await createAndDelete(world), 'clone', 'and the next one makes it');
  world.assertNothingLeft();
});

test('the more pods wait, the longer: they would share the processors while they boot', async (t) => {
  const world = worldWithTemplates();
  const builder = world.templates.holdBuild(await keyOf(world));
  const count = 2 * availableParallelism();
  const waits = hurry(t);
  const pods = Array.from({ length: count }, () => createAndDelete(world));
  assert.deepEqual(new Set(await Promise.all(pods)), new Set(['boot']));
  t.mock.reset();
  assert.ok(waits.length > count, `${waits}`);
  assert.deepEqual(world.warnings, []);
  builder.release();
});

test('of many first pods one makes it, the others wait and are clones as well', async () => {
  const world = worldWithTemplates();
  const pods = await Promise.all(Array.from({ length: 6 }, () => world.runtime.createPod()));
  assert.deepEqual(new Set(await Promise.all(pods.map(originOf))), new Set(['clone']));
  assert.equal(world.templates.calls.builds, 1);
  assert.deepEqual(world.warnings, []);
  for (const pod of pods) await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a clone that fails is told of, nothing of it is left, and its pod boots', async () => {
  const world = worldWithTemplates();
  const { id } = world.templates.put(await keyOf(world));
  failing(world, 'clone');
  const pod = await world.runtime.createPod({ id: 'p' });
  assert.equal(await originOf(pod), 'boot');
  assert.deepEqual(world.warnings, [
    {
      code: 'clone-failed',
      message: `pod p boots cold, as a clone of template ${id.slice(0, 12)} it failed: no clone today`,
      podId: 'p',
    },
  ]);
  assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 0, records: 1, names: 0 });
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a clone whose guest dies before it answers is ended, and its pod boots', async () => {
  const world = worldWithTemplates();
  world.templates.put(await keyOf(world));
  world.hypervisor.serve = (connection, _service, vm) => {
    connection.destroy();
    vm.panic();
  };
  world.hypervisor.onStart = ({ origin }) => {
    if (origin.kind === 'boot') world.hypervisor.serve = undefined;
  };
  const pod = await world.runtime.createPod();
  assert.deepEqual(origins(world), ['clone', 'boot']);
  assert.equal(await originOf(pod), 'boot');
  assert.match(world.warnings[0]?.message ?? '', /the guest's kernel panicked/);
  assert.ok(world.hypervisor.vms[0]?.stopped);
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a template is not blamed for a pod that cannot boot either, whose error names both', async () => {
  const world = worldWithTemplates();
  const key = await keyOf(world);
  world.templates.put(key);
  world.hypervisor.onStart = ({ origin }) => {
    throw new VirtcontainersError('unavailable', `the disk is full for a ${origin.kind}`);
  };
  await assert.rejects(world.runtime.createPod({ id: 'p' }), {
    code: 'unavailable',
    message: 'cannot create pod p: the disk is full for a boot',
    details: { cloneError: 'the disk is full for a clone' },
  });
  assert.deepEqual(world.warnings, []);
  assert.deepEqual(await world.templates.failedClones(key), []);
  world.hypervisor.onStart = () => {};
  assert.equal(await createAndDelete(world), 'clone');
  assert.equal(world.templates.calls.builds, 0);
  world.assertNothingLeft();
});

test('clones that start at once may take the longer, the more there are: they share the processors', async () => {
  const { mechanisms } = new PodWorld();
  const templates = new PodTemplates(mechanisms);
  const processors = availableParallelism();
  assert.equal(await templates.cloning(async (timeoutMs) => timeoutMs()), cloneTimeoutMs);
  const clones = Array.from({ length: 3 * processors }, () =>
    templates.cloning(async (timeoutMs) => {
      await pause(1);
      return timeoutMs();
    }),
  );
  assert.equal((await Promise.all(clones))[0], 3 * cloneTimeoutMs);
  const failing = templates.cloning(() => Promise.reject(new Error('no')));
  await assert.rejects(failing);
  assert.equal(await templates.cloning(async (timeoutMs) => timeoutMs()), cloneTimeoutMs);
});

test('after a clone that failed the next pod makes the template anew, once', async () => {
  const world = worldWithTemplates();
  world.templates.put(await keyOf(world));
  const repair = failing(world, 'clone');
  assert.equal(await createAndDelete(world), 'boot');
  repair();
  for (let times = 0; times < 3; times += 1) assert.equal(await createAndDelete(world), 'clone');
  assert.deepEqual(origins(world), ['boot', 'template', 'clone', 'clone', 'clone']);
  assert.deepEqual(codes(world), ['clone-failed']);
});

test('one that another process has made anew meanwhile is taken as it is', async () => {
  const world = worldWithTemplates();
  const key = await keyOf(world);
  world.templates.put(key);
  const repair = failing(world, 'clone');
  await createAndDelete(world);
  repair();
  world.templates.put(key);
  assert.equal(await createAndDelete(world), 'clone');
  assert.equal(world.templates.calls.builds, 0);
});

test('where clones of the one made anew fail, too, pods boot, no more is tried, and that is told once', async () => {
  const world = worldWithTemplates();
  const { id } = world.templates.put(await keyOf(world));
  failing(world, 'clone');
  for (let times = 0; times < 3; times += 1)
    assert.equal(await createAndDelete(world, 'p'), 'boot');
  assert.equal(await createAndDelete(world), 'boot');
  assert.deepEqual(origins(world), ['boot', 'template', 'boot', 'boot', 'boot']);
  assert.deepEqual(codes(world), ['clone-failed', 'clone-failed', 'clone-failed']);
  assert.equal(
    world.warnings[2]?.message,
    `pod p boots cold, as all will: clones of template ${id.slice(0, 12)} have failed, and again when it was made anew; 'virtc template build --rebuild' makes another`,
  );
});

test('a process that comes after one whose clone failed makes the template anew', async () => {
  const first = worldWithTemplates();
  first.templates.put(await keyOf(first));
  const repair = failing(first, 'clone');
  assert.equal(await createAndDelete(first), 'boot');
  repair();
  const later = worldWithTemplates(first);
  assert.equal(await createAndDelete(later), 'clone');
  assert.deepEqual(origins(first), ['boot', 'template', 'clone']);
  assert.deepEqual([codes(first), codes(later)], [['clone-failed'], []]);
});

test('a template whose clones failed again when it was made anew is left alone by every process, until it is rebuilt', async () => {
  const first = worldWithTemplates();
  first.templates.put(await keyOf(first));
  const repair = failing(first, 'clone');
  for (let times = 0; times < 2; times += 1) {
    assert.equal(await createAndDelete(worldWithTemplates(first)), 'boot');
  }
  repair();
  for (let times = 0; times < 2; times += 1) {
    const later = worldWithTemplates(first);
    for (let pods = 0; pods < 3; pods += 1) assert.equal(await createAndDelete(later), 'boot');
    assert.deepEqual(codes(later), ['clone-failed']);
    assert.match(later.warnings[0]?.message ?? '', /and again when it was made anew/);
  }
  assert.equal(first.templates.calls.builds, 1);
  const builder = worldWithTemplates(first);
  await builder.runtime.templates.build();
  assert.equal(await createAndDelete(builder), 'boot', 'it is there already: nothing was made');
  await builder.runtime.templates.build({ rebuild: true });
  for (const world of [builder, worldWithTemplates(first)]) {
    assert.equal(await createAndDelete(world), 'clone');
  }
  assert.equal(first.templates.calls.builds, 2);
});

test('a clone that works takes the blame from its template for every process', async () => {
  const first = worldWithTemplates();
  const key = await keyOf(first);
  const template = first.templates.put(key);
  const repair = failing(first, 'clone');
  await createAndDelete(first);
  repair();
  assert.deepEqual(await first.templates.failedClones(key), [template.directory]);
  assert.equal(await createAndDelete(worldWithTemplates(first)), 'clone');
  assert.deepEqual(await first.templates.failedClones(key), []);
});

test('where it cannot be noted that a clone failed, its own process knows it all the same', async () => {
  const world = worldWithTemplates();
  world.templates.put(await keyOf(world));
  world.templates.noteFailure = new Error('read-only');
  const repair = failing(world, 'clone');
  assert.equal(await createAndDelete(world), 'boot');
  repair();
  for (let times = 0; times < 2; times += 1) assert.equal(await createAndDelete(world), 'clone');
  assert.deepEqual(origins(world), ['boot', 'template', 'clone', 'clone']);
  assert.deepEqual(codes(world), ['clone-failed']);
});

test('many clones that fail at once are one failure: the template is made anew all the same', async () => {
  const world = worldWithTemplates();
  world.templates.put(await keyOf(world));
  const repair = failing(world, 'clone');
  await Promise.all([1, 2, 3, 4].map(() => createAndDelete(world)));
  assert.deepEqual(codes(world), ['clone-failed', 'clone-failed', 'clone-failed', 'clone-failed']);
  repair();
  assert.equal(await createAndDelete(world), 'clone');
  assert.equal(world.templates.calls.builds, 1);
});

test('a clone that works takes the blame from its template', async () => {
  const world = worldWithTemplates();
  const key = await keyOf(world);
  for (let times = 0; times < 3; times += 1) {
    world.templates.put(key);
    const repair = failing(world, 'clone');
    assert.equal(await createAndDelete(world), 'boot');
    repair();
    assert.equal(await createAndDelete(world), 'clone');
  }
  assert.deepEqual(codes(world), ['clone-failed', 'clone-failed', 'clone-failed']);
});

test('a size that a clone cannot be grown to fails as a boot’s would, and names the step', async () => {
  const world = worldWithTemplates();
  world.templates.put(await keyOf(world));
  world.faults.onCall = (_call, name) => {
    if (name === 'vm.grow') throw new VirtcontainersError('internal', 'cannot grow VM: no slot');
  };
  await assert.rejects(world.runtime.createPod({ id: 'p', memoryMiB: 1024 }), {
    code: 'internal',
    message: 'cannot create pod p: cannot grow VM: no slot',
  });
  assert.deepEqual(origins(world), ['clone']);
  assert.deepEqual(world.warnings, []);
  assert.deepEqual(world.events.at(-1), { ...world.events.at(-1), step: 'resize', phase: 'end' });
  world.assertNothingLeft();
});

test('an old template goes when a new one comes, and that it cannot is nobody’s trouble', async () => {
  const world = worldWithTemplates();
  const key = await keyOf(world);
  const old = { ...key, id: 'f'.repeat(32) };
  const months = 70 * 24 * 3_600_000;
  world.templates.put(old, { lastUsedAt: new Date(Date.now() - months).toISOString() });
  const builder = world.templates.holdBuild(old);
  assert.equal(await createAndDelete(world), 'clone');
  assert.deepEqual([...world.templates.ids].sort(), [key.id, old.id].sort());
  builder.release();
  await world.templates.remove(key.id);
  assert.equal(await createAndDelete(world), 'clone');
  assert.deepEqual(world.templates.ids, [key.id]);
  assert.deepEqual(world.warnings, []);
});
