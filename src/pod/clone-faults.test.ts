// Lets every single call go wrong while a pod is cloned, or its template made first: it fails whole, or boots and says why.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../base/log.js';
import type { VmPlan } from '../host/hypervisor/hypervisor.js';
import { defaults } from '../model/defaults.js';
import type { Pod } from '../model/pod.js';
import type { Fault } from '../testing/faults.js';
import { PodWorld } from '../testing/pod-world.js';

const podOptions = { id: 'p', memoryMiB: 1024, cpus: 2 } as const;

interface Attempt {
  readonly world: PodWorld;
  readonly pod: Pod | null;
  readonly failure: unknown;
  readonly where: string;
}

type Situation = 'its template is there' | 'its template is made first';

/** The numbers of those that are worth a fault of their own: rounds of warming up are all alike. */
function worthwhile(calls: readonly string[]): readonly number[] {
  const numbers = calls.map((_, index) => index + 1);
  return numbers.filter((n) => {
    const name = calls[n - 1] ?? '';
    const before = calls.slice(0, n - 1).filter((call) => call === name).length;
    return before < 3 || calls.lastIndexOf(name) === n - 1;
  });
}

const newWorld = (situation: Situation): PodWorld =>
  new PodWorld(situation === 'its template is there' ? { origin: 'clone' } : { defaults });

/** The calls of a creation that nothing disturbs. */
async function callsOf(situation: Situation): Promise<readonly string[]> {
  const world = newWorld(situation);
  const pod = await world.runtime.createPod(podOptions);
  const calls = [...world.faults.calls];
  assert.equal((await pod.status()).origin, 'clone');
  await pod.delete({ force: true });
  world.assertNothingLeft();
  return calls;
}

/** Creates a pod again and again, each time with another call going wrong. @returns how many went wrong */
async function forEachCall(
  situation: Situation,
  faults: readonly Fault[],
  disturb: (world: PodWorld, call: number, fault: Fault) => AbortSignal | undefined,
  check: (attempt: Attempt) => Promise<void>,
): Promise<number> {
  const numbers = worthwhile(await callsOf(situation));
  for (const n of numbers) {
    for (const fault of faults) {
      const world = newWorld(situation);
      const signal = disturb(world, n, fault);
      const options = signal === undefined ? podOptions : { ...podOptions, signal };
      let pod: Pod | null = null;
      let failure: unknown = null;
      try {
        pod = await world.runtime.createPod(options);
      } catch (error) {
        failure = error;
      }
      const call = world.faults.calls[n - 1];
      world.faults.disarm();
      world.faults.onCall = () => {};
      const where = `${situation}: ${fault} ${call} (call ${n})`;
      await check({ world, pod, failure, where });
      await pod?.delete({ force: true });
      world.assertNothingLeft(where);
      assert.ok(
        world.hypervisor.vms.every((vm) => vm.stopped),
        `${where}: a VM keeps its files open`,
      );
    }
  }
  return numbers.length;
}

const situations: readonly Situation[] = ['its template is there', 'its template is made first'];

for (const situation of situations) {
  test(`whatever fails where ${situation}, the pod is whole or nothing is left of it`, async () => {
    let got = 0;
    const calls = await forEachCall(
      situation,
      ['before', 'after'],
      (world, n, fault) => void world.faults.arm(n, fault),
      async ({ world, pod, failure, where }) => {
        if (pod === null) {
          assert.match(String(failure), /cannot create pod p: .*injected fault/, where);
          world.assertNothingLeft(where);
          return;
        }
        got += 1;
        // What was got over is told, once; a clone that works where it is made anew has nothing to tell but that.
        assert.equal(world.warnings.length, 1, where);
        assert.match(world.warnings[0]?.message ?? '', /injected fault/, where);
        assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 0, records: 1, names: 0 }, where);
        const { state, origin, cpus, memoryMiB } = await pod.status();
        assert.deepEqual([state, origin, cpus, memoryMiB], ['ready', 'boot', 2, 1024], where);
        // Its record says what it holds now: nothing of the clone, or of the template's VM.
        const record = await world.store.load('p');
        assert.deepEqual(
          record.handles.map(({ kind }) => kind),
          ['share', 'vm'],
          where,
        );
      },
    );
    assert.ok(calls >= 10 && got >= 6, `${calls} calls, ${got} of them were got over`);
  });

  test(`an abort at any step where ${situation} leaves nothing, and is not warned of`, async () => {
    await forEachCall(
      situation,
      ['before'],
      (world, n) => {
        const controller = new AbortController();
        world.faults.onCall = (call) => call === n && controller.abort('enough');
        return controller.signal;
      },
      async ({ world, failure, where }) => {
        assert.equal((failure as Error | undefined)?.name, 'AbortError', where);
        assert.equal((failure as Error).cause, 'enough', where);
        assert.deepEqual(world.warnings, [], where);
        world.assertNothingLeft(where);
      },
    );
  });

  test(`an abort that meets a failure where ${situation} leaves nothing, and is not warned of`, async () => {
    await forEachCall(
      situation,
      ['before'],
      (world, n) => {
        const controller = new AbortController();
        world.faults.arm(n, 'before');
        world.faults.onCall = (call) => call === n && controller.abort('enough');
        return controller.signal;
      },
      async ({ world, failure, where }) => {
        assert.ok(failure !== null, where);
        assert.deepEqual(world.warnings, [], where);
        world.assertNothingLeft(where);
      },
    );
  });

  test(`the death of a VM at any step where ${situation} costs that VM alone`, async () => {
    await forEachCall(
      situation,
      ['before'],
      (world, n) => {
        world.faults.onCall = (call) => {
          if (call === n) world.hypervisor.vms.at(-1)?.panic();
        };
        return undefined;
      },
      async ({ world, pod, failure, where }) => {
        if (world.hypervisor.vms.every(({ ended }) => !ended)) return;
        if (pod !== null) {
          assert.ok((await pod.status()).state === 'ready' || world.warnings.length <= 1, where);
          return;
        }
        const { code, details } = failure as { code: string; details: Record<string, unknown> };
        assert.equal(code, 'unavailable', `${where}: ${String(failure)}`);
        assert.match(String(details['consoleTail']), /the last line/, where);
        world.assertNothingLeft(where);
      },
    );
  });
}

/** The calls of a build that nothing disturbs. */
async function callsOfBuild(): Promise<readonly string[]> {
  const world = new PodWorld({ defaults });
  await world.runtime.templates.build();
  assert.equal(world.templates.ids.length, 1);
  return world.faults.calls;
}

test('whatever fails while a template is built by itself is told, and nothing is left', async () => {
  for (const n of worthwhile(await callsOfBuild())) {
    for (const fault of ['before', 'after'] as const) {
      const world = new PodWorld({ defaults });
      world.faults.arm(n, fault);
      const failure: unknown = await world.runtime.templates.build().then(
        () => null,
        (error) => error,
      );
      const where = `${fault} ${world.faults.calls[n - 1]} (call ${n})`;
      world.faults.disarm();
      assert.match(String(failure), /: cannot build template: .*injected fault/, where);
      assert.deepEqual(world.templates.ids, [], where);
      world.assertNothingLeft(where);
    }
  }
});

test('one that failed to be built is built by the next who asks', async () => {
  const world = new PodWorld({ defaults });
  world.faults.arm((await callsOfBuild()).length, 'before');
  await assert.rejects(world.runtime.templates.build(), /injected fault/);
  world.faults.disarm();
  await world.runtime.templates.build();
  assert.equal(world.templates.ids.length, 1);
});

test('a build of a template that is given up at any step leaves nothing', async () => {
  const calls = await callsOfBuild();
  for (const n of worthwhile(calls)) {
    const world = new PodWorld({ defaults });
    const controller = new AbortController();
    world.faults.onCall = (call) => call === n && controller.abort('enough');
    const building = world.runtime.templates.build({ signal: controller.signal });
    const failure: unknown = await building.then(
      () => null,
      (error) => error,
    );
    const call = calls[n - 1] ?? '';
    world.assertNothingLeft(call);
    // Once it is being saved it is as good as there.
    if (call === 'build.commit') assert.deepEqual([failure, world.templates.ids.length], [null, 1]);
    else assert.equal((failure as Error | null)?.name, 'AbortError', `${call} (call ${n})`);
  }
});

test('a template whose VM cannot be ended is none: it may still be written to', async () => {
  const world = new PodWorld({ defaults });
  let template: { stop(): Promise<void> } | undefined;
  world.faults.onCall = (_call, name) => {
    if (name !== 'vm.save') return;
    const { vm } = world.hypervisor;
    const stop = vm.stop.bind(vm);
    template = { stop };
    vm.stop = () => Promise.reject(new Error('it is still there'));
  };
  await assert.rejects(world.runtime.templates.build(), {
    message: /its VM was not released: VM: it is still there/,
  });
  assert.deepEqual([world.templates.ids, world.templates.building], [[], 0]);
  await template?.stop();
});

test('what a dead builder left of its VM is ended by the next one', async () => {
  const world = new PodWorld({ defaults });
  const plans: VmPlan[] = [];
  world.hypervisor.onStart = (plan) => void plans.push(plan);
  const { id } = await world.runtime.templates.build();
  await world.runtime.templates.remove(id);
  const [plan = assert.fail()] = plans;
  const left = await world.hypervisor.start(plan, { log: silentLogger, onHandle: async () => {} });
  await world.runtime.templates.build();
  assert.ok(left.ended);
  assert.deepEqual(world.templates.ids, [id]);
  await left.stop();
  world.assertNothingLeft();
});
