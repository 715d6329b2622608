// The host's view of the program in the guest.
import type { Duplex } from 'node:stream';
import type { TerminalSize } from '../../model/container-config.js';
import type { ExitStatus } from '../../model/exit-status.js';
import type { ContainerStats, PodStats, ProcessList } from '../../model/usage.js';

/** The version of `virtcontainers.agent.v1` that is spoken here. */
export const agentProtocolVersion = 1;

/** A path in a tree that the pod's share exports. */
export interface GuestSharePath {
  readonly tag: string;
  readonly cached: boolean;
  /** Relative to the tree's root. */
  readonly path: string;
}

/** Where the guest finds a container's root. */
export type GuestRoot = {
  readonly kind: 'directory';
  readonly source: GuestSharePath;
  readonly discardWrites: boolean;
};

export interface GuestContainer {
  readonly containerId: string;
  /** The OCI runtime specification as JSON; `root.path` is the guest's to set. */
  readonly specJson: string;
  readonly root: GuestRoot;
  /** What `virtc-share:<index>` in the specification's mounts means. */
  readonly sharedMounts: readonly GuestSharePath[];
  readonly stdin: boolean;
  readonly terminalSize: TerminalSize | null;
}

export interface GuestProcess {
  readonly containerId: string;
  /** Unique in the container, not empty. */
  readonly processId: string;
  /** The OCI specification's `process` object as JSON. */
  readonly processJson: string;
  readonly stdin: boolean;
  readonly terminalSize: TerminalSize | null;
}

/** Names a process: init where `processId` is empty. */
export interface ProcessRef {
  readonly containerId: string;
  readonly processId: string;
}

/** What makes a VM a pod's own. */
export interface Identity {
  readonly hostname: string;
  /** 32 hexadecimal digits. */
  readonly machineId: string;
}

export interface GuestInfo {
  readonly agentVersion: string;
  readonly kernelRelease: string;
  readonly uptimeMs: number;
}

/** When a phase of the guest's boot was over, on the guest's clock. */
export interface GuestBootMark {
  readonly name: string;
  readonly atMs: number;
}

/** What the guest has measured of its own work, on its clock. */
export interface GuestSpan {
  readonly name: string;
  readonly beginMs: number;
  readonly endMs: number;
  /** Index of the span around it, which comes before it; null for none. */
  readonly parent: number | null;
  readonly failed: boolean;
}

/** The guest's own times, which begin with its kernel; bounded, each name printable, everything in an order that can be. */
export interface GuestTimes {
  /** The phases of the boot in their order. */
  readonly bootMarks: readonly GuestBootMark[];
  readonly spans: readonly GuestSpan[];
  /** The guest's clock when it was asked and when it answered. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** What was left out: no room in the guest, or more than can be or than is believed. */
  readonly dropped: number;
}

/** One call's bounds. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; the default is `agentCallTimeoutMs`, and none for `wait`, `readOutput` and `writeInput`. */
  readonly timeoutMs?: number | undefined;
}

/** Where in a stream, and how much of it. */
export interface OutputRange {
  readonly stream: 'stdout' | 'stderr';
  readonly offset: bigint;
  /** Everything before it may be forgotten by the guest; at most `offset`. What is not acknowledged can be read again. */
  readonly acknowledged: bigint;
  readonly maxBytes: number;
}

export interface OutputChunk {
  readonly data: Uint8Array;
  readonly end: boolean;
}

export interface InputChunk {
  readonly offset: bigint;
  readonly data: Uint8Array;
  readonly end: boolean;
}

/** What `stats` asks for. */
export interface StatsQuery {
  readonly containerIds: readonly string[];
  /** Also the guest's own. */
  readonly machine: boolean;
}

export interface GuestStats {
  /** Those of the containers that exist, in the order they were asked for. */
  readonly containers: readonly ContainerStats[];
  /** Null where it was not asked for, or the guest gave none. */
  readonly machine: Omit<PodStats['vm'], 'cpus'> | null;
}

/** Connects to agents; attaching also works after another host's side died in the middle of a frame. */
export interface AgentConnector {
  /** @param dial opens a fresh connection to the agent's channel; called again if an attempt gets no answer. */
  attach(dial: () => Promise<Duplex>, options: AttachOptions): Promise<Agent>;
}

export interface AttachOptions {
  readonly podId: string;
  /** Longest wait for the agent's first answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A live connection to a guest's agent. Every method rejects with `unavailable` when the connection is gone,
 * `timeout` after its deadline, `invalid-argument`/`not-found`/… as the guest says; an error about a command has
 * `details.reason` `command-not-found` or `command-not-executable`.
 */
export interface Agent {
  readonly info: GuestInfo;
  /** How often something has come from the guest, whatever it was; where it stays the same, the guest is silent. */
  readonly heard: number;
  /** Resolves when the connection has ended, with the reason if there is one. */
  readonly closed: Promise<Error | undefined>;
  /** Asks for an answer, whatever it is. */
  ping(options?: CallOptions): Promise<void>;
  /** Fresh entropy and the host's clock are added by the implementation. */
  personalize(identity: Identity, options?: CallOptions): Promise<void>;
  /** Has the guest let go of what would keep its VM from being saved; it has no container then. */
  quiesce(options?: CallOptions): Promise<void>;
  /** Brings hot-added processors and memory online; `cpus` and `memoryMiB` are totals. */
  online(
    size: { readonly cpus: number; readonly memoryMiB: number },
    options?: CallOptions,
  ): Promise<void>;
  createContainer(
    container: GuestContainer,
    options?: CallOptions,
  ): Promise<{ readonly pid: number }>;
  startContainer(containerId: string, options?: CallOptions): Promise<void>;
  exec(process: GuestProcess, options?: CallOptions): Promise<{ readonly pid: number }>;
  signal(process: ProcessRef, signal: number, options?: CallOptions): Promise<void>;
  /**
   * Sends a signal to a process and to all that came from it, also in sessions of their own; to all of the container where it
   * is init. Answers when none of them is left, or after `waitMs`.
   */
  signalAll(
    process: ProcessRef,
    signal: { readonly number: number; readonly waitMs: number },
    options?: CallOptions,
  ): Promise<{ readonly left: boolean }>;
  wait(process: ProcessRef, options?: CallOptions): Promise<ExitStatus>;
  release(process: ProcessRef, options?: CallOptions): Promise<void>;
  readOutput(process: ProcessRef, range: OutputRange, options?: CallOptions): Promise<OutputChunk>;
  writeInput(
    process: ProcessRef,
    input: InputChunk,
    options?: CallOptions,
  ): Promise<{ readonly offset: bigint; readonly closed: boolean }>;
  resizeTerminal(process: ProcessRef, size: TerminalSize, options?: CallOptions): Promise<void>;
  destroyContainer(containerId: string, options?: CallOptions): Promise<void>;
  /** The guest's times; the first call begins the recording of its spans. @throws `unsupported` if it is older than that */
  trace(options?: CallOptions): Promise<GuestTimes>;
  /** Resolves when all its processes stand still; safe to repeat. */
  pauseContainer(containerId: string, options?: CallOptions): Promise<void>;
  resumeContainer(containerId: string, options?: CallOptions): Promise<void>;
  listProcesses(containerId: string, options?: CallOptions): Promise<ProcessList>;
  stats(query: StatsQuery, options?: CallOptions): Promise<GuestStats>;
  /** Ends the connection; pending calls reject with `unavailable`. Safe to repeat. */
  close(): void;
}
