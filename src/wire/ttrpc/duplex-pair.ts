// Two duplex streams joined in memory, with a socket's backpressure and endings: for tests and fakes.
import { Duplex } from 'node:stream';

/** What one end writes the other reads; an end that is destroyed ends the other's reading. */
export function duplexPair(): [Duplex, Duplex] {
  const first = new PairEnd();
  const second = new PairEnd();
  first.join(second);
  second.join(first);
  return [first, second];
}

class PairEnd extends Duplex {
  #peer: PairEnd | undefined;
  #resumeWriter: (() => void) | undefined;
  #hasEnded = false;

  constructor() {
    super({ allowHalfOpen: true });
  }

  join(peer: PairEnd): void {
    this.#peer = peer;
  }

  override _read(): void {
    const resume = this.#resumeWriter;
    this.#resumeWriter = undefined;
    if (resume !== undefined) queueMicrotask(resume);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#peer?.receive(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#peer?.receiveEnd();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const resume = this.#resumeWriter;
    this.#resumeWriter = undefined;
    resume?.();
    this.#peer?.receiveEnd();
    done(error);
  }

  /** Calls `done` when there is room for more. */
  receive(chunk: Buffer, done: (error?: Error | null) => void): void {
    if (this.destroyed || this.#hasEnded) {
      queueMicrotask(() => done(new Error('the other end is closed')));
    } else if (chunk.length === 0 || this.push(chunk)) {
      // A microtask, not a tick: ticks run before promises, so a fast writer would starve the readers' answers.
      queueMicrotask(done);
    } else {
      this.#resumeWriter = done;
    }
  }

  receiveEnd(): void {
    if (this.#hasEnded || this.destroyed) return;
    this.#hasEnded = true;
    this.push(null);
  }
}
