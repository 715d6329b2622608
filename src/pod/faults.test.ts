// Lets every single call of the mechanisms go wrong, one per run, and looks for what is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '../model/pod.js';
import type { Fault } from '../testing/faults.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

const podOptions = { id: 'p', memoryMiB: 1024, cpus: 2 } as const;
const containerOptions = {
  id: 'c',
  rootfs: anyDirectory,
  command: ['trap', '7'],
  memoryMiB: 2048,
  mounts: [
    { kind: 'bind', source: '/tmp', destination: '/data' },
    { kind: 'tmpfs', destination: '/scratch' },
  ],
} as const;

/** Carries out `phase` again and again, with its n-th call going wrong, until it has no n-th call. */
async function forEachCall(
  phase: (world: PodWorld, pod: Pod | null, container: Container | null) => Promise<unknown>,
  before: 'nothing' | 'pod' | 'container' | 'started',
  check: (run: {
    readonly world: PodWorld;
    readonly pod: Pod | null;
    readonly container: Container | null;
    readonly failure: unknown;
    readonly where: string;
  }) => Promise<void>,
  disturb: (world: PodWorld, call: number, fault: Fault) => void,
): Promise<number> {
  let calls = 0;
  for (let n = 1; ; n++) {
    for (const fault of ['before', 'after'] as const) {
      const world = new PodWorld();
      const pod = before === 'nothing' ? null : await world.runtime.createPod(podOptions);
      const container =
        pod === null || before === 'pod' ? null : await pod.createContainer(containerOptions);
      if (before === 'started') await container?.start();
      world.faults.disarm();
      disturb(world, n, fault);
      let failure: unknown;
      try {
        await phase(world, pod, container);
      } catch (error) {
        failure = error;
      }
      const name = world.faults.calls[n - 1];
      calls = world.faults.calls.length;
      world.faults.disarm();
      world.faults.onCall = () => {};
      if (name === undefined) {
        assert.equal(failure, undefined, 'without a fault it works');
        await pod?.delete({ force: true });
        return n - 1;
      }
      await check({
        world,
        pod,
        container,
        failure,
        where: `${fault} ${name} (call ${n} of ${calls})`,
      });
      await pod?.delete({ force: true });
      if (before !== 'nothing') world.assertNothingLeft(`delete after ${name} (call ${n})`);
    }
  }
}

const withFault = (world: PodWorld, call: number, fault: Fault): void =>
  world.faults.arm(call, fault);

test('whatever fails while a pod is created, nothing is left and the error says what', async () => {
  const calls = await forEachCall(
    (world) => world.runtime.createPod(podOptions),
    'nothing',
    async ({ world, failure, where }) => {
      assert.match(String(failure), /cannot create pod p: .*injected fault/, where);
      world.assertNothingLeft(where);
      assert.ok(
        world.hypervisor.vms.every((vm) => vm.stopped),
        `${where}: a VM keeps its files open`,
      );
      // The same id is free again.
      const again = await world.runtime.createPod(podOptions);
      await again.delete({ force: true });
    },
    withFault,
  );
  assert.ok(calls >= 9, `${calls} calls`);
});

test('whatever fails while a container is created, the pod is as before and takes it the next time', async () => {
  const calls = await forEachCall(
    (_, pod) => pod?.createContainer(containerOptions) ?? Promise.reject(new Error('no pod')),
    'pod',
    async ({ world, pod, failure, where }) => {
      assert.match(String(failure), /cannot create container c: .*injected fault/, where);
      assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 0, records: 1, names: 0 }, where);
      assert.equal(world.hypervisor.vm.crun.containers.size, 0, where);
      assert.deepEqual(pod?.containers, [], where);
      const container = await pod?.createContainer(containerOptions);
      await container?.start();
      assert.equal((await pod?.status())?.state, 'running', where);
    },
    withFault,
  );
  assert.ok(calls >= 6, `${calls} calls`);
});

test('whatever fails while a container starts, it can be started again', async () => {
  await forEachCall(
    (_, __, container) => container?.start() ?? Promise.reject(new Error('no container')),
    'container',
    async ({ world, container, failure, where }) => {
      assert.match(String(failure), /injected fault/, where);
      assert.equal((await container?.status())?.state, 'stopped', where);
      assert.deepEqual(
        { ...world.left, binds: 0 },
        { vms: 1, shares: 1, binds: 0, records: 1, names: 1 },
      );
      assert.equal(world.share.bound.size, 0, where);
      assert.equal(world.hypervisor.vm.crun.containers.size, 0, where);
      await container?.start();
      assert.equal((await container?.status())?.state, 'running', where);
    },
    withFault,
  );
});

test('whatever fails while a process is added, the guest has none of it', async () => {
  await forEachCall(
    (_, __, container) =>
      container?.exec(['sleep'], { id: 'x' }) ?? Promise.reject(new Error('none')),
    'started',
    async ({ container, failure, where }) => {
      assert.match(String(failure), /cannot exec in container c: .*injected fault/, where);
      const process = await container?.exec(['echo'], { id: 'x' });
      assert.equal((await process?.wait())?.code, 0);
    },
    withFault,
  );
});

for (const verb of ['stop', 'delete'] as const) {
  test(`whatever fails while a pod is being ${verb === 'stop' ? 'stopped' : 'deleted'}, a forced delete ends with nothing left`, async () => {
    await forEachCall(
      (_, pod) =>
        pod?.[verb]({ ...(verb === 'delete' ? { force: true } : {}) }) ?? Promise.reject(),
      'started',
      async () => {},
      withFault,
    );
  });
}

test('an abort at any step of creating a pod leaves nothing', async () => {
  let controller = new AbortController();
  const calls = await forEachCall(
    (world) => world.runtime.createPod({ ...podOptions, signal: controller.signal }),
    'nothing',
    async ({ world, failure, where }) => {
      assert.equal((failure as Error | undefined)?.name, 'AbortError', where);
      assert.equal((failure as Error).cause, 'enough', where);
      world.assertNothingLeft(where);
    },
    (world, n) => {
      controller = new AbortController();
      world.faults.onCall = (call) => call === n && controller.abort('enough');
    },
  );
  assert.ok(calls >= 9, `${calls} calls`);
});

test('an abort at any step of creating a container leaves the pod as it was', async () => {
  let controller = new AbortController();
  await forEachCall(
    (_, pod) =>
      pod?.createContainer({ ...containerOptions, signal: controller.signal }) ?? Promise.reject(),
    'pod',
    async ({ world, pod, failure, where }) => {
      assert.equal((failure as Error | undefined)?.name, 'AbortError', where);
      assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 0, records: 1, names: 0 }, where);
      assert.equal(world.hypervisor.vm.crun.containers.size, 0, where);
      assert.deepEqual(pod?.containers, [], where);
    },
    (world, n) => {
      controller = new AbortController();
      world.faults.onCall = (call) => call === n && controller.abort('enough');
    },
  );
});

for (const [name, phase, before] of [
  ['creating a pod', (world: PodWorld) => world.runtime.createPod(podOptions), 'nothing'],
  [
    'creating a container',
    (_: PodWorld, pod: Pod | null) => pod?.createContainer(containerOptions) ?? Promise.reject(),
    'pod',
  ],
  [
    'starting a container',
    (_: PodWorld, __: Pod | null, container: Container | null) =>
      container?.start() ?? Promise.reject(),
    'container',
  ],
] as const) {
  test(`the VM's death at any step of ${name} is told with its last words, and nothing is left`, async () => {
    await forEachCall(
      phase,
      before,
      async ({ world, failure, where }) => {
        // Before there is a VM, there is nothing to die; after the last step, it is no longer this call's.
        if (world.hypervisor.vms.every((vm) => !vm.ended)) return;
        if (failure === undefined) return;
        const { code, details } = failure as { code: string; details: Record<string, unknown> };
        assert.equal(code, 'unavailable', `${where}: ${String(failure)}`);
        assert.match(
          String(details['consoleTail']),
          /the last line/,
          `${where}: ${String(failure)} ${JSON.stringify(details)}`,
        );
        if (before === 'nothing') world.assertNothingLeft(where);
      },
      (world, n) => {
        world.faults.onCall = (call) => {
          if (call === n) world.hypervisor.vms.at(-1)?.panic();
        };
      },
    );
  });
}
