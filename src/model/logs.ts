// What was logged of a pod: what its containers have printed, and its VM's console.
import type { AbortOptions } from './options.js';

/** A piece of a log: a line, or a part of one that was long or slow. */
export interface LogEntry {
  /** When it came, ISO 8601, UTC. */
  readonly time: string;
  /** `note` says in words what is missing in this place. */
  readonly stream: 'stdout' | 'stderr' | 'console' | 'shim' | 'note';
  /** Position of its first byte in the stream. */
  readonly offset: number;
  /** As it was printed, with its line end; at most 4 KiB. */
  readonly data: Uint8Array;
}

/** Which part of which log. */
export interface LogOptions extends AbortOptions {
  /** A container's output; without it `source`. */
  readonly containerId?: string;
  /** What else is logged: the VM's console (default), or what the shim of a detached pod says of itself. */
  readonly source?: 'console' | 'shim';
  /** Which of a container's streams. Default: both. */
  readonly streams?: readonly ('stdout' | 'stderr')[];
  /** Only what came at that time or after it. */
  readonly since?: Date;
  /** Only what came before that time. */
  readonly until?: Date;
  /** Only the last lines, so many. Default: all that is kept, up to 32 MiB a log. */
  readonly tail?: number;
  /** Goes on with what comes, until the container (for the console: the pod) has ended. Default false. */
  readonly follow?: boolean;
}
