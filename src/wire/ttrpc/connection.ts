// One end of a ttrpc connection over any duplex stream: frames in, frames out with backpressure, one ending.
import type { Duplex } from 'node:stream';
import { FrameDecoder, type FrameSink } from './frame.js';

export interface ConnectionHandler extends FrameSink {
  /** The stream takes frames again after it had not. */
  drained(): void;
  /** Called once; `error` is absent after an end in order. */
  ended(error: Error | undefined): void;
}

/** Owns the stream: whatever happens on it ends in `handler.ended`, nothing is thrown into the event loop. */
export class Connection {
  readonly closed: Promise<Error | undefined>;
  readonly #stream: Duplex;
  readonly #handler: ConnectionHandler;
  readonly #decoder: FrameDecoder;
  readonly #waiting = new Set<Buffer>();
  readonly #resolveClosed: (error: Error | undefined) => void;
  #isBlocked = false;
  #isEnded = false;
  #received = 0;

  constructor(stream: Duplex, handler: ConnectionHandler, limit: number) {
    let resolveClosed: (error: Error | undefined) => void = () => {};
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
    this.#stream = stream;
    this.#handler = handler;
    this.#decoder = new FrameDecoder(handler, limit);
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('drain', () => this.#drain());
    stream.on('end', () => this.#peerEnded());
    stream.on('error', (error: Error) => this.end(error));
    stream.on('close', () => this.end(undefined));
    // Nothing will be emitted any more, so nobody would ever be told.
    if (stream.destroyed || stream.readableEnded) process.nextTick(() => this.end(undefined));
  }

  /** Whether frames wait because the peer does not read. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** How many pieces of bytes have come; where it stays the same, the peer is silent. */
  get received(): number {
    return this.#received;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  send(frame: Buffer): void {
    if (this.#isEnded) return;
    if (this.#isBlocked) this.#waiting.add(frame);
    else this.#isBlocked = !this.#stream.write(frame);
  }

  /** Drops a frame that has not been written yet. */
  forget(frame: Buffer): void {
    this.#waiting.delete(frame);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#isEnded) this.#stream.resume();
  }

  end(error: Error | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#waiting.clear();
    this.#stream.destroy();
    this.#handler.ended(error);
    this.#resolveClosed(error);
  }

  #receive(chunk: Buffer): void {
    if (this.#isEnded) return;
    this.#received += 1;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #drain(): void {
    this.#isBlocked = false;
    for (const frame of this.#waiting) {
      this.#waiting.delete(frame);
      this.#isBlocked = !this.#stream.write(frame);
      if (this.#isBlocked) return;
    }
    if (!this.#isEnded) this.#handler.drained();
  }

  #peerEnded(): void {
    this.end(
      this.#decoder.isInsideFrame ? new Error('the connection ended inside a frame') : undefined,
    );
  }
}
