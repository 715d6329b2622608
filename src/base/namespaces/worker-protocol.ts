// What the main thread and the namespace worker say to each other.
import type { ErrorCode } from '../errors.js';
import type { MeasuredSpan } from '../trace/span.js';
import type { JailDevice } from './jail-spec.js';

/** A jail as the worker builds it: all decisions are made. */
export interface SpawnRequest {
  readonly kind: 'spawn';
  /** The program that must exist inside the jail. */
  readonly program: string;
  /** The launcher's command line. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Descriptors that become 0, and 1 and 2, of the child. */
  readonly inputFd: number;
  readonly outputFd: number;
  /** Descriptors that become 3 and on. */
  readonly inheritedFds: readonly number[];
  readonly readOnlyPaths: readonly string[];
  readonly links: Readonly<Record<string, string>>;
  readonly writablePaths: readonly string[];
  readonly exports: readonly string[];
  readonly devices: readonly JailDevice[];
  readonly userNamespaceFd: number | null;
}

export interface AttachRequest {
  readonly kind: 'attach';
  readonly pid: number;
  readonly mountFd: number;
  readonly root: string;
  readonly path: string;
}

export interface DetachRequest {
  readonly kind: 'detach';
  readonly pid: number;
  readonly root: string;
  readonly path: string;
}

/** Makes mounts of a jail read-only. */
export interface SealRequest {
  readonly kind: 'seal';
  readonly pid: number;
  readonly paths: readonly string[];
}

/** Ends a jail by the process that was spawned in it; one that has ended is no error. */
export interface KillRequest {
  readonly kind: 'kill';
  readonly pid: number;
}

export type WorkerRequest =
  | { readonly kind: 'prepare' }
  /** The last one: the thread ends. */
  | { readonly kind: 'end' }
  | SpawnRequest
  | KillRequest
  | AttachRequest
  | DetachRequest
  | SealRequest;

/** An error on its way to the main thread. */
export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly message: string;
  /** The failed system call's errno, for example `ELOOP`. */
  readonly errno: string | null;
}

/** What the worker is started with. */
export interface WorkerStart {
  /** When, on the monotonic clock, where that is to be told with the first answer; else null. */
  readonly tracedSinceMs: number | null;
  /** The cells of a `ThreadGate`; the thread begins inside. */
  readonly gate: Int32Array;
}

/** A request as it is posted. */
export interface PostedRequest {
  /** Names the answer; 0 where nobody waits for one. */
  readonly id: number;
  readonly request: WorkerRequest;
  /** Whether the answer shall tell where the time went. */
  readonly isTraced: boolean;
}

export type WorkerMessage =
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly pid: number | null;
      readonly spans: readonly MeasuredSpan[];
    }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorMessage }
  | {
      readonly kind: 'exit';
      readonly pid: number;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };
