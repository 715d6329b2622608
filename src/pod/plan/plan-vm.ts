// Plans a pod's VM: what the hypervisor gets, whether it is then started or only described; pure.
import type { BootImage, VmPlan } from '../../host/hypervisor/hypervisor.js';
import type { Share } from '../../host/share/share.js';
import type { Store } from '../../host/store/store.js';
import type { PodPlan } from './plan.js';

/** Where a pod's things lie, and what is chosen for all pods. */
export interface VmSurroundings {
  readonly store: Pick<Store, 'directoryOf'>;
  readonly share: Pick<Share, 'trees'>;
  readonly accelerator: VmPlan['accelerator'];
}

export function planVm(plan: PodPlan, image: BootImage, surroundings: VmSurroundings): VmPlan {
  const { store, share, accelerator } = surroundings;
  const runDirectory = store.directoryOf(plan.podId);
  return {
    podId: plan.podId,
    runDirectory,
    image,
    origin: { kind: 'boot' },
    shares: share.trees(runDirectory),
    accelerator,
    bootMemoryMiB: plan.boot.memoryMiB,
    bootCpus: plan.boot.cpus,
    maxMemoryMiB: plan.max.memoryMiB,
    maxCpus: plan.max.cpus,
  };
}
