// Carries bytes between our standard streams and a container's, exact and with backpressure.
import { constants, createWriteStream, fstatSync, openSync, WriteStream } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errnoOf, reasonOf, VirtcontainersError } from '../../../base/errors.js';

/**
 * A stream on standard output or error that never stops the event loop. Node's own writes block for pipes and
 * sockets: signals would go unheard while the reader is slow.
 */
export function openOutput(standard: { readonly fd: 1 | 2 } & Writable): Writable {
  const stats = fstatSync(standard.fd);
  if (stats.isFIFO()) {
    try {
      // Opened anew, so that O_NONBLOCK is ours alone and not that of everybody who shares the pipe.
      const flags = constants.O_WRONLY | constants.O_NONBLOCK;
      return new Socket({
        fd: openSync(`/proc/self/fd/${standard.fd}`, flags),
        readable: false,
        writable: true,
      });
    } catch {
      // A pipe of another user, or no /proc: the way of sockets works too.
    }
  }
  if (stats.isFIFO() || stats.isSocket()) {
    return createWriteStream('', { fd: standard.fd, autoClose: false });
  }
  return standard;
}

/** Whether a write is stuck in a thread: Node would wait for it at its end, for as long as the reader likes. */
export function hasStuckWrite(output: Writable): boolean {
  return output instanceof WriteStream && output.writableLength > 0;
}

export interface CopyOptions {
  readonly name: 'standard output' | 'standard error';
  readonly signal: AbortSignal;
  /** Called instead of failing where our reader has gone away. */
  readonly onReaderGone: () => void;
}

/** Copies all of a container's output; resolves when every byte is out of our hands. */
export async function copyOutput(
  source: Readable,
  destination: Writable,
  options: CopyOptions,
): Promise<void> {
  const { name, signal, onReaderGone } = options;
  try {
    await pipeline(source, destination, { end: false, signal });
    await flush(destination);
  } catch (error) {
    if (signal.aborted) return;
    // A write that failed leaves the destination errored; all else is the source's failure.
    if (destination.errored === null || destination.errored === undefined) throw error;
    const errno = errnoOf(destination.errored);
    if (errno === 'EPIPE' || errno === 'ECONNRESET') {
      onReaderGone();
      return;
    }
    throw new VirtcontainersError('unavailable', `cannot write ${name}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Resolves when everything written so far has been taken. */
function flush(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write('', (error) => (error ? reject(error) : resolve()));
  });
}

/** Copies our input to a container's, its end too. @returns stops it */
export function attachInput(source: Readable, destination: Writable): () => void {
  // A terminal that hung up, a directory: whatever cannot be read has ended.
  source.on('error', () => destination.end());
  // The container has closed its input or is gone.
  destination.on('error', () => source.destroy());
  source.pipe(destination);
  return () => {
    source.unpipe(destination);
    source.destroy();
  };
}
