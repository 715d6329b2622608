// Where a client gets a process' streams from, and what it has before there is anything.
import type { Readable, Writable } from 'node:stream';
import { openInput, openOutput } from '../io/io-client.js';

/** Which process, of which container; null is the container's first. */
export interface StreamOf {
  readonly containerId: string;
  readonly processId: string | null;
}

/** Opens the raw streams that an owner serves beside its calls. */
export interface OwnerStreams {
  /** @param from `kept`: all that the owner still has, then what comes; `now`: what comes */
  openOutput(
    of: StreamOf & { readonly stream: 'stdout' | 'stderr'; readonly from: 'kept' | 'now' },
  ): Promise<Readable>;
  /** Its `end` is done when the owner has taken all; the process' input stays open. */
  openInput(of: StreamOf): Promise<Writable>;
}

/** Those that an owner serves in the pod’s directory; whoever uses them keeps the process alive. */
export function ownerStreams(directory: string): OwnerStreams {
  return {
    openOutput: async (of) => (await openOutput({ ...of, directory })).unref(),
    openInput: async (of) => (await openInput({ ...of, directory })).unref(),
  };
}
