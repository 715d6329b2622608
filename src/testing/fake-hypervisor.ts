// Makes VMs in memory and knows which of them live: for tests of policy.
import { createHash } from 'node:crypto';
import { throwIfAborted } from '../base/errors.js';
import type { JailDescription } from '../base/namespaces/jail.js';
import type {
  Accelerator,
  Hypervisor,
  StartOptions,
  VmDescription,
  VmPlan,
  VmShape,
} from '../host/hypervisor/hypervisor.js';
import { toCommandLine } from '../host/hypervisor/qemu/command-line.js';
import type { VmHandle } from '../model/handle.js';
import type { FakeCrunOptions } from './fake-crun.js';
import { FakeVm, type ServeAgent } from './fake-vm.js';

export class FakeHypervisor implements Hypervisor {
  readonly name = 'fake';
  /** Every VM that was started, the newest last. */
  readonly vms: FakeVm[] = [];
  /** QEMU's command line for each of them. */
  readonly commandLines: (readonly string[])[] = [];
  /** How the containers of its VMs behave. */
  crun: FakeCrunOptions;
  /** How the agents of its next VMs answer; undefined is as the real agent does. */
  serve: ServeAgent | undefined;
  /** Called before each start; what it throws or rejects with, the start fails with. */
  onStart: (plan: VmPlan) => void | Promise<void> = () => {};
  readonly #living = new Map<number, { readonly vm: FakeVm; readonly podId: string }>();
  #nextPid = 1_000_000;

  constructor(crun: FakeCrunOptions = {}) {
    this.crun = crun;
  }

  /** How many VMs live. */
  get living(): number {
    return this.#living.size;
  }

  /** The newest VM. */
  get vm(): FakeVm {
    const vm = this.vms.at(-1);
    if (vm === undefined) throw new Error('no VM was started');
    return vm;
  }

  async accelerator(): Promise<Accelerator> {
    return { kind: 'tcg', reason: 'a fake' };
  }

  async shape(plan: VmPlan): Promise<VmShape> {
    const { image, bootCpus, bootMemoryMiB } = plan;
    const facts = JSON.stringify([image.id, bootCpus, bootMemoryMiB]);
    const id = createHash('sha256').update(facts).digest('hex').slice(0, 32);
    return { id, accelerator: 'tcg' };
  }

  prepare(): void {}

  async describe(plan: VmPlan): Promise<VmDescription> {
    return { accelerator: await this.accelerator(), argv: commandLine(plan), jail: noJail };
  }

  async start(plan: VmPlan, options: StartOptions): Promise<FakeVm> {
    throwIfAborted(options.signal, `cannot start VM ${plan.podId}`);
    await this.onStart(plan);
    const pid = this.#nextPid++;
    const handle: VmHandle = {
      kind: 'vm',
      hypervisor: this.name,
      process: { pid, startTime: '1' },
      cgroups: [],
    };
    const size = { cpus: plan.bootCpus, memoryMiB: plan.bootMemoryMiB };
    const onEnd = (): void => {
      this.#living.delete(pid);
    };
    const { origin } = plan;
    const vm = new FakeVm({ handle, origin, size, crun: this.crun, serve: this.serve, onEnd });
    this.vms.push(vm);
    this.commandLines.push(commandLine(plan));
    this.#living.set(pid, { vm, podId: plan.podId });
    try {
      await options.onHandle(handle);
      throwIfAborted(options.signal, `cannot start VM ${plan.podId}`);
    } catch (error) {
      await vm.stop();
      throw error;
    }
    return vm;
  }

  async release(handle: VmHandle): Promise<void> {
    this.#living.get(handle.process.pid)?.vm.kill();
  }

  async findLeftovers(podId: string): Promise<readonly VmHandle[]> {
    return [...this.#living.values()]
      .filter((living) => living.podId === podId)
      .map((living) => living.vm.handle);
  }
}

const noJail: JailDescription = {
  user: { hostUid: 0, uid: 0 },
  namespaces: [],
  capabilities: [],
  workingDirectory: '/',
  readOnlyBinds: [],
  writableBinds: [],
  exports: [],
  inherited: [],
  devices: [],
};

function commandLine(plan: VmPlan): readonly string[] {
  return toCommandLine({ plan, accelerator: 'tcg', program: 'fake', name: plan.podId });
}
