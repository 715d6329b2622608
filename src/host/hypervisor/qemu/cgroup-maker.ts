// The cgroups of a VM's process: named by pod and runtime, bounded by the VM's size.
import type { Logger } from '../../../base/log.js';
import {
  addProcess,
  createPodCgroup,
  findCgroups,
  killAll,
  removeCgroup,
  setMemoryBound,
} from '../../cgroup/cgroup.js';
import type { VmPlan } from '../hypervisor.js';

/** QEMU's own memory beside the guest's, in MiB: 60, and under emulation up to 128 of translated code. */
const qemuOverheadMiB = 768;
/** QEMU's own threads beside one for each processor: main, RCU, up to 64 workers for files. */
const qemuThreads = 128;

/** Makes and ends cgroups; tests put another in its place. */
export interface CgroupMaker {
  create(plan: VmPlan, log: Logger): readonly string[];
  /** Bounds memory for a VM of this size. */
  bound(cgroups: readonly string[], memoryMiB: number): void;
  add(cgroups: readonly string[], pid: number): void;
  /** Kills what is in them and removes them; safe to repeat. */
  remove(cgroups: readonly string[]): Promise<void>;
  find(podId: string): readonly string[];
}

/** @param toName gives the name of a pod's cgroups */
export function hostCgroups(toName: (podId: string) => string): CgroupMaker {
  return {
    create: (plan, log) =>
      createPodCgroup({
        podId: toName(plan.podId),
        memoryMaxBytes: boundBytes(plan.bootMemoryMiB),
        pidsMax: plan.maxCpus + qemuThreads,
        log,
      }),
    bound: (cgroups, memoryMiB) => setMemoryBound(cgroups, boundBytes(memoryMiB)),
    add: addProcess,
    remove: async (cgroups) => {
      await killAll(cgroups);
      await removeCgroup(cgroups);
    },
    find: (podId) => findCgroups(toName(podId)),
  };
}

function boundBytes(memoryMiB: number): number {
  return (memoryMiB + qemuOverheadMiB) * 1024 * 1024;
}
