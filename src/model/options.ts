// What programs give to the library: every option optional where a default makes sense, sizes and durations as numbers or text.
import type { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Logger } from '../base/log.js';
import type { TerminalSize } from './container-config.js';
import type { ProgressEvent } from './progress.js';
import type { Warning } from './warning.js';

/** A size: a number in the unit that the option's name states, or text such as `'512MiB'`. */
export type Size = number | `${number}${'B' | 'KiB' | 'MiB' | 'GiB' | 'KB' | 'MB' | 'GB'}`;

/** A duration: a number in the unit that the option's name states, or text such as `'30s'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h'}`;

/** Where a runtime keeps things and how it runs VMs. */
export interface RuntimeOptions {
  /** Directory of live state. Default: `$VIRTC_RUN_ROOT`, else the configuration file's, else `/run/virtcontainers`, under `$XDG_RUNTIME_DIR` without root. */
  readonly runRoot?: string;
  /**
   * Directory of what lasts: guest images, templates, logs. Default: `$VIRTC_LIB_ROOT`, else the configuration file's, else
   * `/var/lib/virtcontainers`, under `$XDG_DATA_HOME` without root.
   */
  readonly libRoot?: string;
  /** Directory of a guest image. Default: `$VIRTC_GUEST_IMAGE`, else the configuration file's, else the current one below `libRoot`. */
  readonly guestImage?: string;
  /**
   * `auto` uses KVM where it is proved to work, else emulation; `kvm` fails without it. Default:
   * `$VIRTC_ACCELERATOR`, else the configuration file's, else `auto`.
   */
  readonly accelerator?: 'auto' | 'kvm' | 'tcg';
  /**
   * The configuration file, instead of the user's and the system's; `''` reads none. Read at first use. Default: `$VIRTC_CONFIG`, else
   * `$XDG_CONFIG_HOME/virtcontainers/config.toml` over `/etc/virtcontainers/config.toml`, where they are there.
   */
  readonly configFile?: string;
  /**
   * Whether pods start as clones of a template, a VM that has booted before; else each boots its own. Default:
   * `$VIRTC_TEMPLATE`, else the configuration file's, else true.
   */
  readonly template?: boolean;
  /**
   * How many clones wait, ready to be handed out, so that a pod starts at once; made in the background from a second after the
   * runtime on, replaced as they are taken, and gone with this process. Each takes about 70 MiB of the host's memory, the first one twice that. 0 to 64. Default 0.
   */
  readonly warm?: number;
  /** Default: drops everything. */
  readonly logger?: Logger;
  /** Told of each step of every pod of this runtime. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Told of what went wrong and was got over. Default: the logger's `warn`. */
  readonly onWarning?: (warning: Warning) => void;
}

/** One call's bounds. */
export interface AbortOptions {
  /** Ends the call: it rejects with an AbortError, after what it had begun is undone. */
  readonly signal?: AbortSignal;
}

/** What a pod is made with. */
export interface PodOptions extends AbortOptions {
  /** 1 to 128 of `A-Z a-z 0-9 _ . -`. Default: 12 fresh hexadecimal digits. */
  readonly id?: string;
  /** Default: the id, cut to the 64 characters that Linux allows. */
  readonly hostname?: string;
  /** Least number of the VM's processors; containers' limits can make it grow. Default: the configuration file's, else 1. */
  readonly cpus?: number;
  /** Least memory of the VM, in MiB; containers' limits can make it grow. Default: the configuration file's, else 512. */
  readonly memoryMiB?: Size;
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether its VM starts as a clone of a template; false boots it cold, also after a stop. Default: the runtime's. */
  readonly template?: boolean;
  /**
   * Whether a process of its own owns it: it then outlives the calling process, which gets the same interface to it as any
   * that opens it, and its containers' output is kept. Default false.
   */
  readonly detached?: boolean;
  /** Told of each step of this pod. */
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** What a process runs with. */
export interface ProcessOptions {
  /** Added to (and winning over) `PATH`, `HOME` and, with a terminal, `TERM`; a name without a value is left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Absolute. Default `/`; for exec, that of the container. */
  readonly cwd?: string;
  /** `user`, `uid`, `user:group` or `uid:gid`; names are those of the container. Default `0`; for exec, that of the container. */
  readonly user?: string;
  /** Gives it a terminal: output is then one stream, `stdout`. `true` means 80 by 24. Default false. */
  readonly terminal?: boolean | TerminalSize;
  /** Whether its input can be written to; else it reads end of file. Default false. */
  readonly stdin?: boolean;
}

/**
 * When a process is ended, with all that came from it, also what has left its session: `killSignal` to all, `killGraceMs`,
 * SIGKILL to all that is left. Whoever waits for it is told when nothing of it is left.
 */
export interface EndOptions {
  /** How long it may run, in milliseconds; then `wait` rejects with `timeout`. Default: as long as it wants. */
  readonly timeoutMs?: Duration;
  /** What asks it to end. Default `SIGTERM`. */
  readonly killSignal?: NodeJS.Signals;
  /** How long it has after that, in milliseconds; 0 means SIGKILL at once. Default 5 s. */
  readonly killGraceMs?: Duration;
}

/** What `exec` runs its command with. */
export interface ExecOptions extends ProcessOptions, EndOptions {
  /** Default: fresh. */
  readonly id?: string;
  /** Ends the call and, from then on, the process and all that came from it: `wait` rejects with an AbortError. */
  readonly signal?: AbortSignal;
}

/** How output is collected. */
export interface OutputOptions extends AbortOptions {
  /** Most that is kept of each stream, in bytes; what comes beyond is drawn and dropped. Default 10 MiB. */
  readonly maxBufferBytes?: Size;
}

/** How output is cut into lines. */
export interface LinesOptions {
  /** Default `stdout`. */
  readonly stream?: 'stdout' | 'stderr';
  /** A longer line comes in pieces of at most so many bytes. Default 1 MiB. */
  readonly maxLineBytes?: Size;
}

/** What a command gets as its input: whole, or piece by piece as it can take more. A stream is used up, also where it is not read to its end. */
export type RunInput =
  | string
  | Uint8Array
  | Readable
  | ReadableStream<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;

/** What `run` runs its command with. */
export interface RunOptions extends Omit<ExecOptions, 'stdin'>, Omit<OutputOptions, 'signal'> {
  /** Its input. A command that closes its input early is no error. Default: end of file. */
  readonly input?: RunInput;
}

/** A directory on the host as a container's root. */
export interface DirectoryRootfsOptions {
  readonly kind: 'directory';
  /** Made absolute against the current directory. */
  readonly path: string;
  /** `discard` (the default, unless the configuration file says otherwise): writes go to the VM's memory and end with the container; `host`: they change the directory. */
  readonly writes?: 'host' | 'discard';
}

export type MountOptions =
  | {
      readonly kind: 'bind';
      /** A directory or regular file on the host; made absolute against the current directory. */
      readonly source: string;
      /** Absolute path in the container. */
      readonly destination: string;
      /** Enforced on the host. Default false. */
      readonly readOnly?: boolean;
    }
  | {
      readonly kind: 'tmpfs';
      readonly destination: string;
      /** Bound in bytes. Default: half of the VM's memory. */
      readonly sizeBytes?: Size;
      /**
       * Mount options after `nosuid`, `nodev`, `mode=1777` and the size; of two that contradict each other the last one holds.
       * For example `['noexec', 'mode=0700', 'uid=1000']`.
       */
      readonly options?: readonly string[];
    };

/** What a container is made with: its root, its limits, and its first process. */
export interface ContainerOptions extends ProcessOptions, AbortOptions {
  /** Unique among all containers of a run root. Default: 12 fresh hexadecimal digits. */
  readonly id?: string;
  /** A directory's path is short for `{ kind: 'directory', path }`. */
  readonly rootfs: string | DirectoryRootfsOptions;
  /** Program and arguments; the program is looked up in the container's PATH. */
  readonly command: readonly string[];
  /**
   * Makes an init the container's first process, with the command as its child: it passes signals on, reaps what the command
   * leaves behind, and ends with the command's code (128 + n for signal n). Default false.
   */
  readonly init?: boolean;
  /** The container may not write to its root at all. Default false. */
  readonly readOnlyRootfs?: boolean;
  /** Default: the pod's. */
  readonly hostname?: string;
  readonly mounts?: readonly MountOptions[];
  /** Limit in MiB; the VM grows to hold it. Default: none but the VM's own. */
  readonly memoryMiB?: Size;
  /** Limit in processors, for example 1.5; the VM grows to hold it. Default: none but the VM's own. */
  readonly cpus?: number;
  /** Most processes and threads. Default: the configuration file's, else 4096. */
  readonly pidsLimit?: number;
  /** Exactly these, for example `['CAP_CHOWN']`. Default: docker's fourteen. */
  readonly capabilities?: readonly string[];
  /** For example `{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 'unlimited' }`. */
  readonly rlimits?: readonly {
    /** For example `RLIMIT_NOFILE`. */
    readonly type: string;
    readonly soft: number | 'unlimited';
    readonly hard: number | 'unlimited';
  }[];
  /** Sent to init by `stop`. Default `SIGTERM`. */
  readonly stopSignal?: NodeJS.Signals;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * What `run` of a pod runs, and how. The container is ended as `stop` does it, but that the stop signal goes to all of its
 * processes.
 */
export interface ContainerRunOptions
  extends Omit<ContainerOptions, 'stdin'>,
    Omit<EndOptions, 'killSignal'>,
    Pick<RunOptions, 'input' | 'maxBufferBytes'> {}

/** How long a stop may take, and what ends the wait for it. */
export interface StopOptions extends AbortOptions {
  /** Between the stop signal and SIGKILL, in milliseconds. Default: the configuration file's, else 10 s. */
  readonly graceMs?: Duration;
}

/** What may be deleted. */
export interface DeleteOptions extends AbortOptions {
  /** Also where it runs, where its guest is dead or its record is damaged. Default false. */
  readonly force?: boolean;
}
