// A process's input as a Node stream: written to the guest by offset, one piece after another, with half-close.
import { Writable } from 'node:stream';
import { VirtcontainersError } from '../base/errors.js';
import type { InputChunk } from '../host/agent/agent.js';
import { streamChunkBytes } from '../model/limits.js';

/** Hands a piece of input to the guest; answers how much the process has taken in all. */
export type InputSink = (
  input: InputChunk,
) => Promise<{ readonly offset: bigint; readonly closed: boolean }>;

const nothing = new Uint8Array();

/** The input of a process that has one; one that ends by `destroy` is closed in the guest as well. */
export class InputStream extends Writable {
  readonly #sink: InputSink | null;
  #offset = 0n;
  #ended = false;
  #busy: Promise<unknown> = Promise.resolve();

  /** @param sink null for a process without input: writing is refused */
  constructor(sink: InputSink | null) {
    super({ highWaterMark: 4 * streamChunkBytes });
    this.#sink = sink;
    // As with output: nobody must be ended by an error of a stream that he never touched.
    this.on('error', () => {});
  }

  /** The process has ended: nothing can be written any more. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.destroy();
  }

  override _write(
    chunk: Buffer,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.#follow(this.#send(chunk), callback);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    callback: (error?: Error | null) => void,
  ): void {
    this.#follow(this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk))), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#follow(this.#end(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // What is under way goes first, else the end would come at the wrong offset.
    void this.#busy.then(() => this.#end()).catch(() => {});
    callback(error);
  }

  #follow(work: Promise<void>, callback: (error?: Error | null) => void): void {
    this.#busy = work.then(
      () => callback(),
      (error: Error) => callback(error),
    );
  }

  async #send(bytes: Buffer): Promise<void> {
    if (this.#sink === null) {
      throw new VirtcontainersError(
        'invalid-state',
        'cannot write input: the process was made without `stdin: true`',
      );
    }
    let rest = bytes;
    while (rest.length > 0) {
      const data = rest.subarray(0, streamChunkBytes);
      const answer = this.#ended
        ? { offset: this.#offset, closed: true }
        : await this.#sink({ offset: this.#offset, data, end: false });
      const taken = Number(answer.offset - this.#offset);
      if (taken < 0 || taken > data.length) {
        throw new VirtcontainersError(
          'internal',
          'cannot write input: the guest took bytes that were not sent',
        );
      }
      this.#offset = answer.offset;
      rest = rest.subarray(taken);
      if (answer.closed && rest.length > 0) throw brokenPipe();
      if (taken === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #end(): Promise<void> {
    if (this.#ended || this.#sink === null) return;
    this.#ended = true;
    await this.#sink({ offset: this.#offset, data: nothing, end: true });
  }
}

// As Node says it of a child that closed its input.
function brokenPipe(): Error {
  return Object.assign(new Error('write EPIPE: the process has closed its input'), {
    code: 'EPIPE',
  });
}
