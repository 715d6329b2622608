// What every hypervisor must do; each implementation runs it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '../../base/log.js';
import type { VmHandle } from '../../model/handle.js';
import type { Hypervisor, StartOptions, Vm, VmPlan, VmTemplate } from './hypervisor.js';

/** What an implementation brings. */
export interface HypervisorWorld {
  readonly hypervisor: Hypervisor;
  /** A plan that can be started, with room to grow to 2 processors and 1024 MiB; a fresh pod each time. */
  plan(): Promise<VmPlan>;
  /** Where a template of a plan's VM can be put: files that are not there yet, beside the VM's own. */
  templateOf(plan: VmPlan): VmTemplate;
  /** Whether a VM's state is in that file, whole and for nobody else to read. */
  isSaved(vm: Vm, stateFile: string): Promise<boolean>;
  /** Ends a VM from outside, as `kill -9` does. */
  kill(vm: Vm): Promise<void>;
  close(): Promise<void>;
}

/** Longest wait for what happens at once, in milliseconds. */
const soonMs = 5000;

export function hypervisorSuite(name: string, createWorld: () => Promise<HypervisorWorld>): void {
  describe(`${name} as a hypervisor`, { timeout: 60_000 }, () => {
    let world: HypervisorWorld;
    before(async () => {
      world = await createWorld();
    });
    const started: Vm[] = [];
    after(async () => {
      // What a test that failed has left.
      for (const vm of started) await vm.stop({ graceMs: soonMs });
      await world.close();
    });

    async function start(plan: VmPlan, options: Partial<StartOptions> = {}): Promise<Vm> {
      const vm = await world.hypervisor.start(plan, {
        log: silentLogger,
        onHandle: async () => {},
        ...options,
      });
      started.push(vm);
      return vm;
    }

    async function withVm(use: (vm: Vm, plan: VmPlan) => Promise<void>): Promise<void> {
      const plan = await world.plan();
      const vm = await start(plan);
      try {
        await use(vm, plan);
      } finally {
        await vm.stop({ graceMs: soonMs });
      }
      await nothingLeft(plan);
    }

    async function nothingLeft(plan: VmPlan): Promise<void> {
      assert.deepEqual(await world.hypervisor.findLeftovers(plan.podId), []);
    }

    test('a plan can be described without starting anything', async () => {
      const plan = await world.plan();
      const { argv, accelerator } = await world.hypervisor.describe(plan);
      assert.ok(argv.length > 0);
      assert.deepEqual(accelerator, await world.hypervisor.accelerator(plan.accelerator));
      await nothingLeft(plan);
    });

    test('emulation can always be had, and the choice has a reason', async () => {
      const { kind, reason } = await world.hypervisor.accelerator('tcg');
      assert.deepEqual([kind, reason === ''], ['tcg', false]);
    });

    test('the handle is told before the VM can be used, and is the VM’s', async () => {
      const plan = await world.plan();
      const told: VmHandle[] = [];
      const vm = await start(plan, {
        onHandle: async (handle) => {
          told.push(handle);
        },
      });
      assert.deepEqual(told, [vm.handle]);
      assert.equal(vm.handle.hypervisor, world.hypervisor.name);
      assert.deepEqual(vm.size, { cpus: plan.bootCpus, memoryMiB: plan.bootMemoryMiB });
      await vm.stop({ graceMs: soonMs });
    });

    test('a handle that cannot be recorded fails the start, and nothing is left', async () => {
      const plan = await world.plan();
      const onHandle = () => Promise.reject(new Error('disk full'));
      await assert.rejects(start(plan, { onHandle }), /disk full/);
      await nothingLeft(plan);
    });

    test('an abort before or during the start leaves nothing', async () => {
      const plan = await world.plan();
      await assert.rejects(start(plan, { signal: AbortSignal.abort() }), { name: 'AbortError' });
      const controller = new AbortController();
      const onHandle = async () => controller.abort('enough');
      await assert.rejects(start(plan, { signal: controller.signal, onHandle }), {
        name: 'AbortError',
        cause: 'enough',
      });
      await nothingLeft(plan);
    });

    test('the agent’s channel can be dialled again after it was closed', () =>
      withVm(async (vm) => {
        for (let times = 0; times < 2; times += 1) {
          const channel = await vm.dialAgent();
          const closed = once(channel, 'close');
          channel.destroy();
          await closed;
        }
      }));

    test('a VM grows to at least what is asked, and never shrinks', () =>
      withVm(async (vm, plan) => {
        await vm.grow({ cpus: 2, memoryMiB: plan.bootMemoryMiB });
        assert.deepEqual(vm.size, { cpus: 2, memoryMiB: plan.bootMemoryMiB });
        await vm.grow({ cpus: 1, memoryMiB: plan.bootMemoryMiB + 1 });
        assert.equal(vm.size.cpus, 2);
        assert.ok(vm.size.memoryMiB > plan.bootMemoryMiB);
      }));

    test('a VM can be paused and resumed, more than once, and ended while it is paused', () =>
      withVm(async (vm) => {
        for (const step of ['pause', 'pause', 'resume', 'resume', 'pause'] as const) {
          await vm[step]();
        }
        await vm.stop({ graceMs: soonMs });
        assert.equal((await vm.exited).kind, 'stopped');
      }));

    test('a VM’s process is told with what it uses', () =>
      withVm(async (vm) => {
        const { pid, rssBytes, pssBytes, cpuUs } = await vm.usage();
        assert.equal(pid, vm.handle.process.pid);
        assert.ok(rssBytes !== null && pssBytes !== null && cpuUs !== null);
        assert.ok(pssBytes > 1_000_000 && pssBytes <= rssBytes, `${pssBytes} of ${rssBytes}`);
        assert.ok(cpuUs > 0);
      }));

    test('a stopped VM says so, is refused everything but another stop, and can be started again', async () => {
      const plan = await world.plan();
      for (let times = 0; times < 2; times += 1) {
        const vm = await start(plan);
        await vm.stop({ graceMs: soonMs });
        assert.equal((await vm.exited).kind, 'stopped');
        await refusesAll(vm);
        await vm.stop({ graceMs: soonMs });
        await nothingLeft(plan);
      }
    });

    test('a VM that is killed is noticed at once, and what waits for it learns why', async () => {
      const plan = await world.plan();
      const vm = await start(plan);
      await world.kill(vm);
      const exit = await vm.exited;
      assert.equal(exit.kind, 'killed');
      assert.match(exit.reason, /SIGKILL/);
      await refusesAll(vm);
      await vm.stop({ graceMs: soonMs });
      await nothingLeft(plan);
    });

    test('release ends a VM by its handle alone, twice if need be', async () => {
      const plan = await world.plan();
      const vm = await start(plan);
      await world.hypervisor.release(vm.handle);
      await world.hypervisor.release(vm.handle);
      assert.notEqual((await vm.exited).kind, 'stopped');
      await nothingLeft(plan);
      await vm.stop({ graceMs: soonMs });
    });

    test('the shape is that of the machine: equal for all pods and however it comes to be', async () => {
      const { hypervisor } = world;
      const [plan, other] = [await world.plan(), await world.plan()];
      const { id, accelerator } = await hypervisor.shape(plan);
      assert.match(id, /^[0-9a-f]{32}$/);
      assert.equal(accelerator, (await hypervisor.accelerator(plan.accelerator)).kind);
      const template = world.templateOf(plan);
      const { memory } = template;
      for (const same of [
        plan,
        other,
        { ...plan, origin: { kind: 'template', memory } } as const,
        { ...plan, origin: { kind: 'clone', template } } as const,
      ]) {
        assert.equal((await hypervisor.shape(same)).id, id);
      }
      for (const different of [
        { ...plan, image: { ...plan.image, id: 'another' } },
        { ...plan, bootMemoryMiB: plan.bootMemoryMiB + 128 },
        { ...plan, bootCpus: plan.bootCpus + 1 },
      ]) {
        assert.notEqual((await hypervisor.shape(different)).id, id);
      }
      await nothingLeft(plan);
    });

    test('a template’s VM can be saved, runs no more, and can be ended', async () => {
      const boot = await world.plan();
      const { memory, state } = world.templateOf(boot);
      const plan = { ...boot, origin: { kind: 'template', memory } } as const;
      const vm = await start(plan);
      (await vm.dialAgent()).destroy();
      assert.equal(await world.isSaved(vm, state), false);
      await vm.save(state);
      assert.equal(await world.isSaved(vm, state), true);
      await vm.stop({ graceMs: soonMs });
      assert.equal((await vm.exited).kind, 'stopped');
      assert.equal(await world.isSaved(vm, state), true, 'what was saved stays');
      await refusesAll(vm);
      await nothingLeft(plan);
    });

    test('a save that is given up saves nothing, and the VM can be ended', async () => {
      const boot = await world.plan();
      const { memory, state } = world.templateOf(boot);
      const vm = await start({ ...boot, origin: { kind: 'template', memory } });
      await assert.rejects(vm.save(state, { signal: AbortSignal.abort() }), { name: 'AbortError' });
      assert.equal(await world.isSaved(vm, state), false);
      await vm.stop({ graceMs: soonMs });
      await nothingLeft(boot);
    });

    test('a VM that was not started as a template is not saved, and goes on', () =>
      withVm(async (vm, plan) => {
        const { state } = world.templateOf(plan);
        await assert.rejects(vm.save(state), { code: 'unsupported', message: /^cannot save VM/ });
        assert.equal(await world.isSaved(vm, state), false);
        await vm.grow({ cpus: 2, memoryMiB: plan.bootMemoryMiB });
      }));

    test('what no record names is found by the pod’s id, and no other pod’s with it', async () => {
      const [plan, other] = [await world.plan(), await world.plan()];
      const [vm, neighbour] = [await start(plan), await start(other)];
      const found = await world.hypervisor.findLeftovers(plan.podId);
      assert.deepEqual(found, [vm.handle]);
      for (const handle of found) await world.hypervisor.release(handle);
      await nothingLeft(plan);
      await neighbour.pause();
      await neighbour.stop({ graceMs: soonMs });
      await vm.stop({ graceMs: soonMs });
    });
  });
}

async function refusesAll(vm: Vm): Promise<void> {
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    dialAgent: () => vm.dialAgent(),
    grow: () => vm.grow({ cpus: 2, memoryMiB: 1024 }),
    pause: () => vm.pause(),
    resume: () => vm.resume(),
    usage: () => vm.usage(),
    save: () => vm.save('/nowhere'),
  };
  const { consoleTail, stderrTail } = await vm.exited;
  for (const [method, call] of Object.entries(calls)) {
    await assert.rejects(
      call,
      (error: { code?: unknown; details?: Readonly<Record<string, unknown>> }) => {
        assert.equal(error.code, 'unavailable', method);
        assert.equal(error.details?.['consoleTail'], consoleTail, method);
        assert.equal(error.details?.['stderrTail'], stderrTail, method);
        return true;
      },
    );
  }
}
