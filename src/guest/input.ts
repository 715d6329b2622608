// Carries input by offset to a process: bytes seen before are skipped, and an answer means there is room for more.
import type { Writable } from 'node:stream';
import { VirtcontainersError } from '../base/errors.js';

export interface InputState {
  /** How many bytes the input has taken in all. */
  readonly offset: number;
  /** The process has closed its input: what was not taken never will be. */
  readonly closed: boolean;
}

/** The writing end of a process's input. */
export class Input {
  readonly #target: Writable;
  /** What a terminal reads as the end of its input; null where closing is that. */
  readonly #endMark: Uint8Array | null;
  /** How many bytes have been handed in: what a repeated write may leave out. */
  #accepted = 0;
  #taken = 0;
  #ended = false;
  #closed = false;
  #flushed: Promise<void> = Promise.resolve();

  constructor(target: Writable, endMark: Uint8Array | null) {
    this.#target = target;
    this.#endMark = endMark;
    for (const event of ['error', 'close']) {
      target.on(event, () => {
        // After its own end it is not the process that has closed.
        this.#closed ||= !this.#ended;
      });
    }
  }

  /** Takes bytes that begin at `offset`; resolves when all of them are with the process, or it takes no more. */
  async write(offset: number, data: Uint8Array, end: boolean): Promise<InputState> {
    if (!(offset <= this.#accepted)) {
      const reason = `offset ${offset} leaves out bytes from ${this.#accepted}`;
      throw new VirtcontainersError('invalid-argument', `cannot write input: ${reason}`, {
        details: { reason: 'offset-out-of-range' },
      });
    }
    const fresh = data.subarray(this.#accepted - offset);
    if (fresh.length > 0 && this.#ended) {
      throw new VirtcontainersError('invalid-state', 'cannot write input: it has been ended');
    }
    if (!this.#closed && fresh.length > 0) {
      this.#accepted += fresh.length;
      this.#flushed = this.#flushed.then(() => this.#take(fresh));
    }
    if (end && !this.#ended) {
      this.#flushed = this.#flushed.then(() => this.#finish());
    }
    await this.#flushed;
    return { offset: this.#taken, closed: this.#closed };
  }

  async #take(data: Uint8Array): Promise<void> {
    if (await this.#send(data)) this.#taken += data.length;
    else this.#closed = true;
  }

  async #finish(): Promise<void> {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    if (this.#endMark === null) this.#target.destroy();
    else await this.#send(this.#endMark);
  }

  #send(data: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#target.destroyed) return resolve(false);
      // A write that a destroyed stream drops may never be called back.
      const onClose = (): void => resolve(false);
      this.#target.once('close', onClose);
      this.#target.write(data, (error) => {
        this.#target.removeListener('close', onClose);
        resolve(!error);
      });
    });
  }
}
