// A process's output as a Node stream: pulled from the guest by offset, ahead of its reader but never far.
import { Readable } from 'node:stream';
import { reasonOf, VirtcontainersError } from '../base/errors.js';
import type { OutputChunk, OutputRange } from '../host/agent/agent.js';
import {
  guestOutputBufferBytes,
  hostOutputBufferBytes,
  streamChunkBytes,
} from '../model/limits.js';
import { HeldBytes, ownBytes } from './held-bytes.js';

/** Asks the guest for output. */
export type OutputSource = (range: Omit<OutputRange, 'stream'>) => Promise<OutputChunk>;

// What can still be in the guest when a process has ended: its buffer there, a pipe, and a chunk.
const lastWords = guestOutputBufferBytes + 4 * streamChunkBytes;
// What Node's stream may keep as it came, at worst byte by byte in an object each; what waits beyond is in blocks.
const looseBytes = 16 * 1024;
// A guest that answers nothing over and over must not keep this process busy.
const emptyPauseMs = 20;

/**
 * The stream begins to pull at `begin`. Where its reader stops, it stops at a bounded buffer; where its reader destroys it,
 * output is drawn and dropped, so that the process does not hang on a full pipe. The guest keeps what the reader has not
 * taken, so that nothing is lost with this program while the process runs; of one that has ended see `drawLastWords`.
 */
export class OutputStream extends Readable {
  readonly #source: OutputSource;
  #window = hostOutputBufferBytes;
  #wake: () => void = () => {};
  #finish: () => void = () => {};
  #stopped = false;
  readonly #held = new HeldBytes();
  // Whether Node's stream wants more.
  #isHungry = false;
  #isComplete = false;
  #delivered = 0n;
  #acknowledged = 0n;
  #hasLastWords = false;
  /** Settles when nothing more will be asked of the guest: all is here, or it was given up. */
  readonly drawn: Promise<void>;

  constructor(source: OutputSource) {
    super({ highWaterMark: looseBytes });
    this.#source = source;
    this.drawn = new Promise((resolve) => {
      this.#finish = resolve;
    });
    // A program that never looks at this stream must not be ended by its error; those that read it see it.
    this.on('error', () => {});
  }

  /** An output that has nothing. */
  static empty(): OutputStream {
    const stream = new OutputStream(async () => ({ data: new Uint8Array(), end: true }));
    stream.begin();
    return stream;
  }

  /** Begins to pull. */
  begin(): void {
    void this.#pump().then(this.#finish);
  }

  /**
   * The process has ended: what it left fits into a bound and is taken from the guest, read or not, so that the process can be
   * released there. From now on what is here is acknowledged, and would be lost with this program.
   */
  drawLastWords(): void {
    this.#hasLastWords = true;
    this.#window = lastWords;
    this.#wake();
  }

  /** Nothing will come any more, and something may be missing: ends the stream with that error, unless it has ended. */
  stop(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#finish();
    this.#wake();
    this.destroy(error);
  }

  override _read(): void {
    this.#isHungry = true;
    this.#feed();
    this.#wake();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#wake();
    callback(error);
  }

  #deliver(data: Uint8Array): void {
    if (this.#isHungry && this.#held.length === 0) this.#isHungry = this.push(ownBytes(data));
    else this.#held.add(data);
  }

  #complete(): void {
    this.#isComplete = true;
    this.#feed();
  }

  #feed(): void {
    while (this.#isHungry) {
      const bytes = this.#held.take();
      if (bytes === null) break;
      this.#isHungry = this.push(bytes);
    }
    if (!this.#isComplete || this.#held.length > 0) return;
    this.#isComplete = false;
    this.push(null);
  }

  async #pump(): Promise<void> {
    let offset = 0n;
    try {
      let next = this.#ask(offset);
      for (;;) {
        const { data, end } = await next;
        if (this.#stopped) return;
        offset += BigInt(data.length);
        // Asked for before it is delivered: the channel works while the reader does.
        const ahead = !end && data.length > 0 && this.#hasRoom(data.length);
        if (ahead) next = this.#ask(offset);
        if (data.length > 0 && !this.destroyed) this.#deliver(data);
        this.#delivered = offset;
        if (end) break;
        if (ahead) continue;
        if (data.length === 0) await new Promise((resolve) => setTimeout(resolve, emptyPauseMs));
        await this.#room();
        if (this.#stopped) return;
        next = this.#ask(offset);
      }
      this.#stopped = true;
      if (!this.destroyed) this.#complete();
    } catch (error) {
      if (this.#stopped) return;
      this.#stopped = true;
      this.destroy(error instanceof Error ? error : new Error(reasonOf(error)));
    }
  }

  #ask(offset: bigint): Promise<OutputChunk> {
    const acknowledged = this.#acknowledge(offset);
    const range = { offset, acknowledged, maxBytes: streamChunkBytes };
    const chunk = this.#source(range).then((answer) => {
      if (answer.data.length <= streamChunkBytes) return answer;
      throw new VirtcontainersError(
        'internal',
        `cannot read output: the guest sent ${answer.data.length} bytes where ${streamChunkBytes} were asked for`,
      );
    });
    // It may fail while the one before is still being delivered.
    chunk.catch(() => {});
    return chunk;
  }

  #hasRoom(coming = 0): boolean {
    return this.destroyed || this.#waitingBytes() + coming < this.#window;
  }

  // What the reader has taken, once and for all: it may put something back. Nobody takes what is dropped.
  #acknowledge(offset: bigint): bigint {
    const isHere = this.destroyed || this.#hasLastWords;
    const taken = isHere ? offset : this.#delivered - BigInt(this.#waitingBytes());
    if (taken > this.#acknowledged) this.#acknowledged = taken;
    return this.#acknowledged;
  }

  // At least as many as wait for the reader: where it has set an encoding, Node counts UTF-16 units, each of three bytes at
  // the most, and up to three bytes of an incomplete character are with the decoder.
  #waitingBytes(): number {
    const length = this.readableLength;
    return this.#held.length + (this.readableEncoding === null ? length : 3 * length + 3);
  }

  async #room(): Promise<void> {
    while (!this.#hasRoom() && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
