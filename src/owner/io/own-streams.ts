// The streams of a process whose output nobody keeps: one reader has each, and what he leaves is dropped.
import type { Readable } from 'node:stream';
import { VirtcontainersError } from '../../base/errors.js';
import type { Process } from '../../model/pod.js';
import type { IoProcess } from './serve-io.js';

const taken = new WeakSet<Readable>();

/** A process that a client has added: it waits for its reader as for that of a pipe. */
export function ownStreams(process: Process): IoProcess {
  return {
    stdin: process.stdin,
    openOutput: (stream) => {
      const bytes = process[stream];
      if (taken.has(bytes) || bytes.destroyed) {
        throw new VirtcontainersError(
          'invalid-state',
          `cannot open ${stream} of process ${process.id}: it has a reader, or had one`,
        );
      }
      taken.add(bytes);
      return { offset: 0, bytes };
    },
  };
}
