// Plans a pod and a container: pure functions from configurations to what will be made.
import type { ContainerConfig } from '../../model/container-config.js';
import type { HostFacts } from '../../model/host-facts.js';
import type { PodConfig } from '../../model/pod-config.js';
import type { GuestMount } from '../../oci/to-guest-spec.js';
import { fitHost } from './fit-host.js';
import type { ContainerPlan, PlannedExport, PodPlan } from './plan.js';
import { bootSize, maxSize } from './plan-size.js';

/** @throws VirtcontainersError `invalid-argument` if no VM can be that large, or none on this host */
export function planPod(config: PodConfig, host: HostFacts): PodPlan {
  return {
    podId: config.id,
    hostname: config.hostname,
    boot: bootSize,
    max: maxSize,
    size: fitHost(`cannot create pod ${config.id}`, { pod: config, containers: [] }, host),
  };
}

/** What a container needs from the host's file systems, and how it is mounted. */
export function planContainer(config: ContainerConfig): ContainerPlan {
  const exports: PlannedExport[] = [];
  const mounts = config.mounts.map((mount): GuestMount => {
    const { destination } = mount;
    if (mount.kind === 'tmpfs') return mount;
    const { source, readOnly } = mount;
    // A volume may change under the container, so the guest may not cache it.
    exports.push({ destination, source, readOnly, cached: false });
    return { kind: 'share', destination, index: exports.length - 1, readOnly };
  });
  const discard = config.rootfs.writes === 'discard';
  const readOnly = discard || config.readOnlyRootfs;
  return {
    containerId: config.id,
    root: { destination: '/', source: config.rootfs.path, readOnly, cached: discard },
    // A root that is read-only on the host lacks mount points that crun then makes in memory.
    discardWrites: readOnly,
    exports,
    mounts,
  };
}
