// The doors through which the agent reaches its machine; everything behind them can be replaced by a fake.
import type { Writable } from 'node:stream';
import type { RootFilesystem, SharePath } from '../wire/gen/agent_pb.js';
import type { ContainerUsage, MachineUsage, ProcessListing } from './usage.js';

/** How a process ended: its exit code, or the number of the signal that ended it. */
export interface ProcessEnd {
  readonly code: number;
  /** 0 if no signal ended it. */
  readonly signal: number;
}

/** Columns and rows, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a new process gets beside its OCI description. */
export interface ProcessOptions {
  /** Whether its input can be written to; else it reads end of file. */
  readonly stdin: boolean;
  /** The first size of its terminal, where its description asks for a terminal. */
  readonly terminalSize: TerminalSize | null;
}

export interface NewContainer extends ProcessOptions {
  /** Checked: safe as a file name. */
  readonly id: string;
  /** The OCI runtime specification, parsed; its `root.path` and cgroup are the runtime's to set. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly root: RootFilesystem;
  readonly sharedMounts: readonly SharePath[];
}

export interface NewProcess extends ProcessOptions {
  /** Checked: safe as a file name, unique in the container. */
  readonly id: string;
  /** The OCI specification's `process` object, parsed. */
  readonly process: Readonly<Record<string, unknown>>;
}

/** Bytes that come until every writer has closed. */
export interface ByteSource {
  /** Begins delivery, once. A chunk has at most `sourceChunkBytes` and is valid during the call only. */
  start(receive: (chunk: Uint8Array) => void, end: () => void): void;
  /** Nothing is delivered, and nothing read ahead, until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends it without a further call. Safe to repeat. */
  close(): void;
}

/** Largest chunk of a `ByteSource`, in bytes: a pipe holds no more. */
export const sourceChunkBytes = 64 * 1024;

/** A process and all that came from it, also what has left its session; of a container's first process, all of the container. */
export interface ProcessGroup {
  /** Sends a signal to every process of it. */
  signalAll(signal: number): void;
  /** Whether one of them is left. */
  hasAny(): boolean;
}

/** A live process and the agent's ends of its streams. */
export interface RuntimeProcess extends ProcessGroup {
  readonly pid: number;
  /** Null without an input. Destroying it is end of file for the process. */
  readonly stdin: Writable | null;
  /** Also a terminal's output. Ends when every writer has closed. */
  readonly stdout: ByteSource;
  /** Null with a terminal. */
  readonly stderr: ByteSource | null;
  /** Whether its streams are one terminal. */
  readonly terminal: boolean;
  /** Settles once it has ended; never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Sends it a signal; one that has ended is not an error. */
  signal(signal: number): void;
  /** Sets its terminal's size. */
  resize(size: TerminalSize): void;
  /** Closes the agent's ends of its streams; what is left of its group is its container's from then on. Safe to repeat. */
  close(): void;
}

export interface RuntimeContainer {
  /** The first process; it waits for `start`. */
  readonly init: RuntimeProcess;
  /** Lets init execute its command. */
  start(): Promise<void>;
  exec(process: NewProcess): Promise<RuntimeProcess>;
  /** How many of its processes have been killed for want of memory. */
  oomKills(): number;
  /**
   * Stops every process where it is, also those that are made meanwhile; safe to repeat.
   * @throws VirtcontainersError `timeout` where they do not all stop: they then go on
   */
  pause(): Promise<void>;
  /** Lets them go on, also while `pause` still waits; safe to repeat. */
  resume(): Promise<void>;
  usage(): ContainerUsage;
  /** @param moreBytes what the caller adds to the entry of a process */
  listProcesses(moreBytes: (pid: number) => number): Promise<ProcessListing>;
}

/**
 * Makes containers. Failures are `VirtcontainersError`s; where a caller acts differently on one, `details.reason`
 * is a `FailureReason`.
 */
export interface ContainerRuntime {
  /** On failure nothing of the container is left. */
  create(container: NewContainer): Promise<RuntimeContainer>;
  /** Kills what is left of a container and removes it and its mounts; safe to repeat, also for unknown ids. */
  destroy(id: string): Promise<void>;
  /** Lets go of all that the host shares; it is taken anew when a container needs it. There are no containers. */
  releaseShares(): void;
}

/** The machine as a whole. */
export interface System {
  readonly kernelRelease: string;
  /** Milliseconds since the kernel started. */
  uptimeMs(): number;
  /** Gives the machine its own entropy, clock and names. */
  personalize(identity: Identity): Promise<void>;
  /**
   * Brings added processors and memory online until at least that much is there.
   * @throws VirtcontainersError `timeout` if it does not come
   */
  online(size: MachineSize): Promise<MachineSize>;
  usage(): MachineUsage;
}

export interface Identity {
  readonly entropy: Uint8Array;
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint;
  readonly hostname: string;
  /** 32 hexadecimal digits. */
  readonly machineId: string;
}

export interface MachineSize {
  readonly cpus: number;
  readonly memoryBytes: bigint;
}

/** Why a call failed, where a caller acts differently on it: `ErrorDetail.Reason` in words. */
export const failureReasons = [
  'command-not-found',
  'command-not-executable',
  'no-such-container',
  'no-such-process',
  'offset-out-of-range',
  'protocol-version',
  'bad-working-directory',
  'no-such-user',
] as const;

export type FailureReason = (typeof failureReasons)[number];
