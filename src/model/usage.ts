// What `processes` and `stats` tell: the processes of a container, what containers, the VM and its process use.

/** A process of a container, whoever started it. What it says of itself is bounded, its control characters escaped. */
export interface ProcessInfo {
  /** In the guest: not the number that the container itself sees. */
  readonly pid: number;
  readonly parentPid: number;
  /** Its effective user, as a number. */
  readonly uid: number;
  /** The first 4 KiB of its command line; empty for a zombie, and where a long list has no more room. */
  readonly command: readonly string[];
  /** The kernel's name of the program, at most 15 characters of its own. */
  readonly name: string;
  readonly state: 'running' | 'sleeping' | 'blocked' | 'stopped' | 'zombie' | 'other';
  /** Since it was started, in milliseconds. */
  readonly elapsedMs: number;
  /** The `id` of the `Process` (or, for init, the container) that it is; null for what those have started. */
  readonly processId: string | null;
}

export interface ProcessList {
  /** At most 1024. */
  readonly processes: readonly ProcessInfo[];
  /** How many there are. */
  readonly total: number;
}

/** Processor time since the start, in microseconds. */
export interface CpuStats {
  readonly usageUs: number;
  readonly userUs: number;
  readonly systemUs: number;
  /** How long and how often its limit has held it; null where the guest does not count that. */
  readonly throttledUs: number | null;
  readonly throttledPeriods: number | null;
}

/** What a container uses. Null stands for what the guest's kernel does not count. */
export interface ContainerStats {
  readonly containerId: string;
  readonly cpu: CpuStats | null;
  readonly memory: {
    /** With the files that the guest caches for it. */
    readonly currentBytes: number;
    /** Without those cached files that can be dropped at once: what docker shows. */
    readonly workingSetBytes: number;
    readonly peakBytes: number | null;
    /** Null without a limit of its own. */
    readonly limitBytes: number | null;
    /** Processes that the limit has killed. */
    readonly oomKills: number | null;
  } | null;
  /** Processes and threads. */
  readonly pids: { readonly current: number; readonly limit: number | null } | null;
  /** Of block devices: what goes through a share or stays in memory does not count. */
  readonly io: {
    readonly readBytes: number;
    readonly writeBytes: number;
    readonly reads: number;
    readonly writes: number;
  } | null;
}

/** What a VM's process uses on the host. Null where the host does not tell. */
export interface HostUsage {
  readonly pid: number;
  /** Processor time since the VM started, in microseconds: the guest's and that of emulating it. */
  readonly cpuUs: number | null;
  readonly rssBytes: number | null;
  /** As `rssBytes`, where memory that several processes share counts in parts. */
  readonly pssBytes: number | null;
}

export interface PodStats {
  /** ISO 8601. */
  readonly time: string;
  /** Of the containers that are running or paused. */
  readonly containers: readonly ContainerStats[];
  /** The guest as a whole. */
  readonly vm: {
    readonly cpu: CpuStats;
    readonly cpus: number;
    readonly memoryTotalBytes: number;
    /** What can be had without swapping. */
    readonly memoryAvailableBytes: number;
  };
  readonly host: HostUsage;
}
