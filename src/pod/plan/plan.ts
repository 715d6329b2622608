// What will be made for a pod and for a container, as plain data that can be printed.
import type { VmSize } from '../../host/hypervisor/hypervisor.js';
import type { GuestMount } from '../../oci/to-guest-spec.js';

/** A pod before any container: the VM's shape at boot, and its size once it is the pod's own. */
export interface PodPlan {
  readonly podId: string;
  readonly hostname: string;
  readonly boot: VmSize;
  readonly max: VmSize;
  readonly size: VmSize;
}

/** A host path that the VM gets to see for a container. */
export interface PlannedExport {
  /** Where the container sees it: `/` is its root. */
  readonly destination: string;
  readonly source: string;
  readonly readOnly: boolean;
  readonly cached: boolean;
}

export interface ContainerPlan {
  readonly containerId: string;
  readonly root: PlannedExport;
  /** Writes to the root go to the VM's memory. */
  readonly discardWrites: boolean;
  /** In the order of their indexes. */
  readonly exports: readonly PlannedExport[];
  readonly mounts: readonly GuestMount[];
}
