// Feeds a process from whatever a program has: text, bytes, a stream, an async iterable.
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { reasonOf, VirtcontainersError } from '../base/errors.js';
import type { RunInput } from '../model/options.js';

/**
 * Resolves when all is with the process, or it takes no more: that is its own affair.
 * @throws VirtcontainersError `internal` where the input's source fails
 */
export async function feedInput(what: string, stdin: Writable, input: RunInput): Promise<void> {
  if (typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input);
    return;
  }
  let source: Readable;
  try {
    source = toReadable(input);
  } catch (error) {
    throw inputFailed(what, error);
  }
  let failure: unknown;
  // Before the pipeline, which destroys the source when the process takes no more.
  const note = (error: unknown): void => {
    if (!stdin.destroyed) failure ??= error;
  };
  source.once('error', note);
  source.once('close', () => {
    if (!source.readableEnded) note(new Error('it was closed before its end'));
  });
  async function* checked(): AsyncGenerator<Uint8Array | string> {
    for await (const chunk of source) {
      if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
        const error = new TypeError(`it gave neither text nor bytes but a ${typeof chunk}`);
        note(error);
        throw error;
      }
      yield chunk;
    }
  }
  // A source that has nothing to give would keep the pipeline waiting.
  stdin.once('close', () => source.destroy());
  if (stdin.destroyed) source.destroy();
  await pipeline(checked, stdin).catch(() => {});
  if (failure !== undefined) throw inputFailed(what, failure);
}

function inputFailed(what: string, cause: unknown): VirtcontainersError {
  const reason = `its input failed: ${reasonOf(cause)}`;
  return new VirtcontainersError('internal', `${what}: ${reason}`, { cause });
}

function toReadable(input: Exclude<RunInput, string | Uint8Array>): Readable {
  if (input instanceof Readable) return input;
  if (input instanceof ReadableStream) return Readable.fromWeb(input, { objectMode: true });
  return Readable.from(input);
}
