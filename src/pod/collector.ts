// Collects what a stream gives from now on, up to a bound: more is drawn and dropped.
import type { Readable } from 'node:stream';
import { HeldBytes } from './held-bytes.js';

/** What has been collected of one stream. */
export class Collector {
  /** Settles when the stream has ended; rejects with its error. */
  readonly ended: Promise<void>;
  readonly #stream: Readable;
  readonly #maxBytes: number;
  readonly #held = new HeldBytes();
  #isTruncated = false;
  #settle: () => void = () => {};
  #stop: () => void = () => {};

  constructor(stream: Readable, maxBytes: number) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.ended = new Promise((resolve, reject) => {
      const settle = (): void => {
        if (!stream.readableEnded) this.#isTruncated = true;
        if (stream.errored) reject(stream.errored);
        else resolve();
      };
      this.#settle = resolve;
      if (stream.readableEnded || stream.destroyed) return settle();
      const onData = (chunk: Buffer | string): void => this.#add(chunk);
      stream.on('data', onData);
      for (const event of ['end', 'close']) stream.once(event, settle);
      // Also one that was paused.
      stream.resume();
      this.#stop = () => {
        stream.off('data', onData);
        for (const event of ['end', 'close']) stream.off(event, settle);
      };
    });
    this.ended.catch(() => {});
  }

  /** Whether something is missing at the end. */
  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  /** Takes what is there for all there is; something may be missing. */
  giveUp(): void {
    this.#isTruncated = true;
    this.#settle();
  }

  /** Collects no more; a stream that nobody else reads waits for its next reader. */
  close(): void {
    this.#stop();
    if (this.#stream.listenerCount('data') === 0) this.#stream.pause();
  }

  /** All that was collected, once. */
  take(): Buffer {
    const pieces: Buffer[] = [];
    for (let piece = this.#held.take(); piece !== null; piece = this.#held.take())
      pieces.push(piece);
    return Buffer.concat(pieces);
  }

  #add(chunk: Buffer | string): void {
    const encoding = this.#stream.readableEncoding ?? 'utf8';
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    const room = this.#maxBytes - this.#held.length;
    if (bytes.length > room) this.#isTruncated = true;
    this.#held.add(bytes.subarray(0, room));
  }
}
