// How large a VM must be for its pod and the limits of the containers in it.
import { VirtcontainersError } from '../../base/errors.js';
import type { VmSize } from '../../host/hypervisor/hypervisor.js';
import type { Resources } from '../../model/container-config.js';
import {
  defaultVmCpus,
  defaultVmMemoryMiB,
  guestOverheadMiB,
  guestOverheadPerMiB,
  maxVmCpus,
  maxVmMemoryMiB,
  memoryBlockMiB,
} from '../../model/limits.js';
import type { PodConfig } from '../../model/pod-config.js';

/** What every VM boots with; the rest is added once it runs. */
export const bootSize: VmSize = { cpus: defaultVmCpus, memoryMiB: defaultVmMemoryMiB };

/** The most that can be added up to. */
export const maxSize: VmSize = { cpus: maxVmCpus, memoryMiB: maxVmMemoryMiB };

/**
 * The size that holds the pod's own wish and the sum of the containers' limits with what the guest itself needs.
 * Processors and memory are rounded once for the whole pod: memory to the blocks in which it is added.
 * @throws VirtcontainersError `invalid-argument` if no VM can be that large
 */
export function planSize(
  what: string,
  pod: Pick<PodConfig, 'cpus' | 'memoryMiB'>,
  containers: readonly Resources[],
): VmSize {
  const limitBytes = sum(containers.map((resources) => resources.memoryBytes ?? 0));
  const limitsMiB = Math.ceil(limitBytes / 1024 / 1024);
  const describedMiB = Math.ceil(Math.max(0, limitsMiB - 1024) * guestOverheadPerMiB);
  const limitMiB = limitsMiB === 0 ? 0 : guestOverheadMiB + limitsMiB + describedMiB;
  const memoryMiB = toBlocks(Math.max(pod.memoryMiB, limitMiB));
  // Thousandths: sums of fractions such as 0.1 + 0.2 must not ask for one more processor.
  const milliCpus = sum(
    containers.map((resources) => Math.ceil((resources.cpus ?? 0) * 1000 - 1e-6)),
  );
  const cpus = Math.max(defaultVmCpus, pod.cpus, Math.ceil(milliCpus / 1000));
  if (memoryMiB > maxVmMemoryMiB) throw tooLarge(what, `${memoryMiB} MiB`, `${maxVmMemoryMiB} MiB`);
  if (cpus > maxVmCpus) throw tooLarge(what, `${cpus} processors`, `${maxVmCpus}`);
  return { cpus, memoryMiB };
}

function toBlocks(memoryMiB: number): number {
  const added = Math.max(0, memoryMiB - defaultVmMemoryMiB);
  return defaultVmMemoryMiB + Math.ceil(added / memoryBlockMiB) * memoryBlockMiB;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function tooLarge(what: string, wanted: string, most: string): VirtcontainersError {
  return new VirtcontainersError(
    'invalid-argument',
    `${what}: its pod's VM would need ${wanted}, it can have at most ${most}`,
  );
}
