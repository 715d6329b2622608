// Keeps a process's output by offset until the host acknowledges it, and stops reading the process when full.
import { VirtcontainersError } from '../base/errors.js';
import { type ByteSource, sourceChunkBytes } from './doors.js';

export interface OutputPiece {
  /** Valid until the next event: the buffer may reuse its memory. */
  readonly data: Uint8Array;
  /** No bytes follow `data`. */
  readonly end: boolean;
}

export interface OutputRange {
  readonly offset: number;
  /** Everything before it may be forgotten; at most `offset`. */
  readonly acknowledged: number;
  readonly maxBytes: number;
}

interface Waiter {
  readonly offset: number;
  readonly maxBytes: number;
  readonly resolve: (piece: OutputPiece) => void;
  readonly reject: (error: unknown) => void;
}

/** A ring between one source and one reader that names offsets. */
export class OutputBuffer {
  readonly #source: ByteSource;
  /** How much is kept before the source is paused. */
  readonly #limit: number;
  /** Room for the limit, reached by its last byte, and one more chunk. */
  readonly #capacity: number;
  #ring: Buffer | null = null;
  /** Offset in the stream of the oldest byte kept; everything before it is acknowledged. */
  #start = 0;
  /** Offset in the stream after the newest byte. */
  #end = 0;
  #paused = false;
  #ended = false;
  #closed: VirtcontainersError | null = null;
  #waiter: Waiter | null = null;

  constructor(source: ByteSource, limit: number) {
    this.#source = source;
    this.#limit = limit;
    this.#capacity = limit + sourceChunkBytes;
    source.start(
      (chunk) => this.#append(chunk),
      () => this.#finish(),
    );
  }

  /**
   * Bytes from `offset`, at least one unless the stream ends there. Where as much is kept as may be, it waits for a read that
   * acknowledges more: a second read takes the place of one that still waits.
   */
  read({ offset, acknowledged, maxBytes }: OutputRange): Promise<OutputPiece> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (!(offset >= this.#start && offset <= this.#end)) {
      return Promise.reject(outOfRange(`offset ${offset}`, this.#start, this.#end));
    }
    if (!(acknowledged >= 0 && acknowledged <= offset)) {
      return Promise.reject(outOfRange(`acknowledged offset ${acknowledged}`, 0, offset));
    }
    this.#start = Math.max(this.#start, acknowledged);
    const piece = this.#take(offset, maxBytes);
    if (piece !== null) {
      this.#resume();
      return Promise.resolve(piece);
    }
    this.#waiter?.reject(
      new VirtcontainersError('cancelled', 'cannot read output: another read has taken its place'),
    );
    return new Promise((resolve, reject) => {
      this.#waiter = { offset, maxBytes, resolve, reject };
      this.#resume();
    });
  }

  /** Drops everything: a read that waits is at the end, each later one rejects with `error`. */
  close(error: VirtcontainersError): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    this.#ring = null;
    this.#source.close();
    this.#waiter?.resolve({ data: new Uint8Array(0), end: true });
    this.#waiter = null;
  }

  #take(offset: number, maxBytes: number): OutputPiece | null {
    const available = this.#end - offset;
    if (available === 0 && !this.#ended) return null;
    const ring = this.#ring;
    if (available === 0 || ring === null) return { data: new Uint8Array(0), end: true };
    const position = offset % this.#capacity;
    // What wraps around the end of the ring comes with the next read.
    const length = Math.min(available, maxBytes, this.#capacity - position);
    const data = ring.subarray(position, position + length);
    return { data, end: this.#ended && length === available };
  }

  // From half empty on, so that a slow reader does not stop and start the source with each piece; but one that has read all
  // that is kept, and waits, gets more as soon as there is room.
  #resume(): void {
    const kept = this.#end - this.#start;
    if (!this.#paused || kept > (this.#waiter === null ? this.#limit / 2 : this.#limit - 1)) return;
    this.#paused = false;
    this.#source.resume();
  }

  #append(chunk: Uint8Array): void {
    if (this.#closed !== null) return;
    this.#ring ??= Buffer.allocUnsafeSlow(this.#capacity);
    const position = this.#end % this.#capacity;
    const first = Math.min(chunk.length, this.#capacity - position);
    this.#ring.set(first === chunk.length ? chunk : chunk.subarray(0, first), position);
    if (first < chunk.length) this.#ring.set(chunk.subarray(first), 0);
    this.#end += chunk.length;
    if (this.#end - this.#start >= this.#limit && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#wake();
  }

  #finish(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    const piece = this.#take(waiter.offset, waiter.maxBytes);
    if (piece === null) return;
    this.#waiter = null;
    waiter.resolve(piece);
  }
}

function outOfRange(what: string, from: number, to: number): VirtcontainersError {
  const details = { reason: 'offset-out-of-range' };
  const message = `cannot read output: ${what} is outside ${from} to ${to}`;
  return new VirtcontainersError('invalid-argument', message, { details });
}
