// What a pod holds on the host, as plain data that another process can release after a crash.

/** A process, named so that a recycled pid is never mistaken for it. */
export interface ProcessHandle {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks since boot. */
  readonly startTime: string;
}

/** The VM's process and the cgroup directories that hold it and whatever it started. */
export interface VmHandle {
  readonly kind: 'vm';
  readonly hypervisor: string;
  readonly process: ProcessHandle;
  /** Absolute paths of cgroup directories made for this pod; empty where the host allows none. */
  readonly cgroups: readonly string[];
}

/** The export directory of a pod's share; its mounts live in the VM's mount namespace and end with it. */
export interface ShareHandle {
  readonly kind: 'share';
  /** Absolute path of the directory that holds the mount points. */
  readonly directory: string;
}

export type Handle = VmHandle | ShareHandle;
