// Plans a pod and a container: pure functions from configurations to what will be made.
import type { ContainerConfig } from '../../model/container-config.js';
import type { PodConfig } from '../../model/pod-config.js';
import type { GuestMount } from '../../oci/to-guest-spec.js';
import type { ContainerPlan, PlannedExport, PodPlan } from './plan.js';
import { bootSize, maxSize, planSize } from './plan-size.js';

/** @throws VirtcontainersError `invalid-argument` if no VM can be that large */
export function planPod(config: PodConfig): PodPlan {
  return {
    podId: config.id,
    hostname: config.hostname,
    boot: bootSize,
    max: maxSize,
    size: planSize(`cannot create pod ${config.id}`, config, []),
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
