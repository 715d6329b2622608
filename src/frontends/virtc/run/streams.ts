// Carries bytes between our standard streams and a container's, exact and with backpressure.
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  errnoOf,
  isVirtcontainersError,
  reasonOf,
  VirtcontainersError,
} from '../../../base/errors.js';

export interface CopyOptions {
  readonly name: 'standard output' | 'standard error';
  readonly signal: AbortSignal;
  /** Called instead of failing where we cannot write any more; null where our reader has gone away. */
  readonly onBroken: (error: VirtcontainersError | null) => void;
}

/** Copies all of a container's output; resolves when every byte is out of our hands. */
export async function copyOutput(
  source: Readable,
  destination: Writable,
  options: CopyOptions,
): Promise<void> {
  const { name, signal, onBroken } = options;
  try {
    await pipeline(source, destination, { end: false, signal });
    await flush(destination);
  } catch (error) {
    if (signal.aborted) return;
    // The source fails with errors of the library, all else is a write that failed.
    if (isVirtcontainersError(error)) throw error;
    const errno = errnoOf(error);
    if (errno === 'EPIPE' || errno === 'ECONNRESET') onBroken(null);
    else onBroken(cannotWrite(name, error));
  }
}

function cannotWrite(name: CopyOptions['name'], cause: unknown): VirtcontainersError {
  return new VirtcontainersError('unavailable', `cannot write ${name}: ${reasonOf(cause)}`, {
    cause,
  });
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
