// How large a VM must be, held against what the host has.
import { VirtcontainersError } from '../../base/errors.js';
import type { VmSize } from '../../host/hypervisor/hypervisor.js';
import type { Resources } from '../../model/container-config.js';
import type { HostFacts } from '../../model/host-facts.js';
import type { PodConfig } from '../../model/pod-config.js';
import { planSize } from './plan-size.js';

export interface WantedRoom {
  readonly pod: Pick<PodConfig, 'cpus' | 'memoryMiB'>;
  readonly containers: readonly Resources[];
}

/**
 * What `planSize` gives, as far as this host has it. Processors for which a single wish asks must be there, as with docker;
 * where only the sum of the containers' limits is more, the VM has the host's number: more would wait for each other.
 * @throws VirtcontainersError `invalid-argument` with the host's number
 */
export function fitHost(what: string, { pod, containers }: WantedRoom, host: HostFacts): VmSize {
  const { cpus, memoryMiB } = planSize(what, pod, containers);
  const mostCpus = Math.max(pod.cpus, ...containers.map((container) => container.cpus ?? 0));
  if (mostCpus > host.cpus) {
    throw new VirtcontainersError(
      'invalid-argument',
      `${what}: it asks for ${mostCpus} processors, this host has ${host.cpus}`,
      { hint: `ask for ${host.cpus} at the most` },
    );
  }
  if (memoryMiB > host.memoryMiB) {
    throw new VirtcontainersError(
      'invalid-argument',
      `${what}: its pod's VM would need ${memoryMiB} MiB of memory, this host has ${host.memoryMiB} MiB`,
      {
        hint: 'ask for less: a VM has to hold the limits of all its containers, and what its guest needs',
      },
    );
  }
  return { cpus: Math.min(cpus, host.cpus), memoryMiB };
}
