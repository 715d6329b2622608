// Complete, validated configuration of containers and processes: every value present, every unit fixed.
import type { Rootfs } from './rootfs.js';

/** Columns and rows of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a process runs with. */
export interface ProcessConfig {
  /** Program and arguments; looked up in the container's PATH. Never empty. */
  readonly command: readonly string[];
  /** `NAME=value` entries. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory in the container, absolute. */
  readonly cwd: string;
  /** `user`, `uid`, `user:group` or `uid:gid`; names are looked up in the container's own files. */
  readonly user: string;
  /** Whether it gets a terminal, and of what size at first. */
  readonly terminal: TerminalSize | null;
  /** Whether its input can be written to; else it reads end of file. */
  readonly stdin: boolean;
}

/** A host path in the container. */
export interface BindMount {
  readonly kind: 'bind';
  /** Absolute path on the host: a directory or a regular file. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** Memory as a file system in the container. */
export interface TmpfsMount {
  readonly kind: 'tmpfs';
  readonly destination: string;
  /** Bound in bytes; null means half of the VM's memory. */
  readonly sizeBytes: number | null;
  /** Mount options that hold over the default ones. */
  readonly options: readonly string[];
}

export type Mount = BindMount | TmpfsMount;

/** Limits of a container; null means without a limit of its own. */
export interface Resources {
  readonly memoryBytes: number | null;
  /** Processors, for example 1.5. */
  readonly cpus: number | null;
  /** Processes and threads. */
  readonly pids: number;
}

/** A resource limit of the container's processes (setrlimit). */
export interface ResourceLimit {
  /** For example `RLIMIT_NOFILE`. */
  readonly type: string;
  readonly soft: number | 'unlimited';
  readonly hard: number | 'unlimited';
}

/** All that makes a container. */
export interface ContainerConfig {
  readonly id: string;
  readonly rootfs: Rootfs;
  /** Whether the container may not write to its root at all. */
  readonly readOnlyRootfs: boolean;
  readonly process: ProcessConfig;
  /** Whether an init is the container's first process and the command its child. */
  readonly init: boolean;
  readonly hostname: string | null;
  readonly mounts: readonly Mount[];
  readonly resources: Resources;
  /** Capability names such as `CAP_CHOWN`: exactly these. */
  readonly capabilities: readonly string[];
  readonly rlimits: readonly ResourceLimit[];
  /** Sent to init by `stop`. */
  readonly stopSignal: NodeJS.Signals;
  readonly labels: Readonly<Record<string, string>>;
}
