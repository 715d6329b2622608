// Makes VMs with QEMU: chooses the accelerator, starts, describes, and ends what earlier processes left.
import { isVirtcontainersError, VirtcontainersError } from '../../../base/errors.js';
import {
  describeJail,
  type Isolation,
  prepareJail,
  probeIsolation,
  spawnInJail,
} from '../../../base/namespaces/jail.js';
import { killProcess, waitForDeath } from '../../../base/process-handle.js';
import { span } from '../../../base/trace/span.js';
import type { VmHandle } from '../../../model/handle.js';
import { podLogDirectory } from '../../logs/pod-log-directory.js';
import type {
  Accelerator,
  Hypervisor,
  StartOptions,
  Vm,
  VmDescription,
  VmPlan,
  VmShape,
} from '../hypervisor.js';
import { type CgroupMaker, hostCgroups } from './cgroup-maker.js';
import { toCommandLine } from './command-line.js';
import { chooseAccelerator, hostKvm, type KvmProbeParts, probeKvm } from './kvm-probe.js';
import { findQemus } from './leftovers.js';
import { deathWaitMs, type Spawn } from './qemu-process.js';
import { isTooOld, oldestQemu, qemuProgram, qemuVersion } from './qemu-version.js';
import { startVm, toJailSpec } from './start-vm.js';
import { shapeOf } from './template-shape.js';
import { hypervisorName, scopeOf } from './vm-shape.js';

export interface QemuHypervisorOptions {
  /**
   * Names this runtime's VMs apart from those of others on this host: the directory of its live state. Pods of the
   * same id in two runtimes are then never taken for each other.
   */
  readonly runRoot: string;
  /** Directory of logs; a VM's console goes to `<logRoot>/<pod>/console.log`. Null keeps only its end in memory. */
  readonly logRoot: string | null;
  /** Directory for what is remembered until the next boot: the KVM probe's result. Null remembers it in memory. */
  readonly cacheDirectory: string | null;
  /** QEMU's program, absolute. Default `/usr/bin/qemu-system-x86_64`. */
  readonly program?: string;
  /** For tests. */
  readonly parts?: Partial<QemuHypervisorParts>;
}

/** What the hypervisor does to the host. */
export interface QemuHypervisorParts {
  readonly prepare: () => Promise<void>;
  readonly spawn: Spawn;
  /** What a jail on this host can have, for all trees below the root directory. */
  readonly isolation: () => Promise<Isolation>;
  readonly cgroups: CgroupMaker;
  readonly kvm: KvmProbeParts;
}

export class QemuHypervisor implements Hypervisor {
  readonly name = hypervisorName;
  readonly #options: QemuHypervisorOptions;
  readonly #program: string;
  readonly #parts: QemuHypervisorParts;
  readonly #scope: string;
  #probed: Promise<Accelerator> | undefined;

  constructor(options: QemuHypervisorOptions) {
    this.#options = options;
    this.#program = options.program ?? qemuProgram;
    this.#scope = scopeOf(options.runRoot);
    this.#parts = {
      prepare: prepareJail,
      spawn: spawnInJail,
      isolation: () => probeIsolation(['/']),
      cgroups: hostCgroups((podId) => this.#scopedName(podId)),
      kvm: hostKvm({ program: this.#program, cacheDirectory: options.cacheDirectory }),
      ...options.parts,
    };
  }

  async accelerator(wanted: VmPlan['accelerator']): Promise<Accelerator> {
    return this.#choose(wanted, () => {
      this.#probed ??= probeKvm(this.#parts.kvm).catch((error: unknown) => {
        this.#probed = undefined;
        throw error;
      });
      return this.#probed;
    });
  }

  prepare(): void {
    void span('prepare-jail', this.#parts.prepare);
  }

  async describe(plan: VmPlan): Promise<VmDescription> {
    const accelerator = await this.#choose(
      plan.accelerator,
      () => this.#probed ?? probeKvm(this.#parts.kvm, { remember: false }),
    );
    const argv = this.#commandLine(plan, accelerator.kind);
    const spec = toJailSpec(plan, argv, accelerator.kind);
    return { accelerator, argv, jail: describeJail(spec, await this.#parts.isolation()) };
  }

  async shape(plan: VmPlan): Promise<VmShape> {
    const { kind } = await span('accelerator', () => this.accelerator(plan.accelerator));
    return { id: await shapeOf(plan, kind, this.#program), accelerator: kind };
  }

  async start(plan: VmPlan, options: StartOptions): Promise<Vm> {
    const accelerator = await span('accelerator', () => this.accelerator(plan.accelerator));
    const { logRoot } = this.#options;
    // A template's console is told of in the error of its build, and is nobody's afterwards.
    const keepsLog = logRoot !== null && plan.origin.kind !== 'template';
    try {
      return await startVm({
        plan,
        options,
        accelerator,
        argv: this.#commandLine(plan, accelerator.kind),
        spawn: this.#parts.spawn,
        cgroups: this.#parts.cgroups,
        logDirectory: keepsLog ? podLogDirectory(logRoot, plan.podId) : null,
      });
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async release(handle: VmHandle): Promise<void> {
    const { process, cgroups } = handle;
    killProcess(process, 'SIGKILL');
    if (!(await waitForDeath(process, deathWaitMs))) {
      throw new VirtcontainersError(
        'timeout',
        `cannot release VM process ${process.pid}: it is still there after ${deathWaitMs} ms`,
      );
    }
    await this.#parts.cgroups.remove(cgroups);
  }

  async findLeftovers(podId: string): Promise<readonly VmHandle[]> {
    const cgroups = this.#parts.cgroups.find(podId);
    const found = await findQemus(this.#vmName(podId));
    // Cgroups that outlived their process are released by a handle that names no process.
    const processes = found.length > 0 || cgroups.length === 0 ? found : [noProcess];
    return processes.map((process) => ({
      kind: 'vm',
      hypervisor: hypervisorName,
      process,
      cgroups,
    }));
  }

  /** Adds QEMU's version to a failure of QEMU's own. */
  async #explain(error: unknown): Promise<unknown> {
    if (!isVirtcontainersError(error) || error.code !== 'unavailable') return error;
    const version = await qemuVersion(this.#program);
    if (version === null) return error;
    const details = { ...error.details, qemuVersion: version };
    const hint = isTooOld(version)
      ? `QEMU ${oldestQemu} or newer is needed, ${this.#program} is ${version}`
      : error.hint;
    return new VirtcontainersError(error.code, error.message, {
      cause: error.cause,
      details,
      ...(hint === undefined ? {} : { hint }),
    });
  }

  async #choose(
    wanted: VmPlan['accelerator'],
    probe: () => Promise<Accelerator>,
  ): Promise<Accelerator> {
    if (wanted === 'tcg') return { kind: 'tcg', reason: 'emulation was asked for' };
    return chooseAccelerator(wanted, await probe());
  }

  #commandLine(plan: VmPlan, accelerator: Accelerator['kind']): readonly string[] {
    const name = this.#vmName(plan.podId);
    return toCommandLine({ plan, accelerator, program: this.#program, name });
  }

  #vmName(podId: string): string {
    return `virtc-${this.#scopedName(podId)}`;
  }

  #scopedName(podId: string): string {
    return `${podId}.${this.#scope}`;
  }
}

const noProcess = { pid: 0, startTime: '0' };
