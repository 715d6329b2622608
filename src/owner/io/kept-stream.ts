// Output that is drawn whether or not somebody reads it: its last part is kept for whoever comes.
import { Readable } from 'node:stream';
import type { From } from './io-protocol.js';

/** How much of each stream is kept, in bytes. */
export const keptBytes = 1024 * 1024;
/** Pieces are gathered in blocks of that size, in bytes: a stream may come byte by byte. */
const blockBytes = 64 * 1024;

interface Block {
  readonly bytes: Buffer;
  length: number;
}

/** What is at a place: bytes, nothing yet, or the stream's end. */
type Piece = Buffer | null | 'end' | Error;

/**
 * Draws a stream to its end and keeps the last bytes of it. Readers have a place each; while there is one, the stream does not
 * run away from it, so that it loses nothing; without one, the oldest bytes go.
 */
export class KeptStream {
  readonly #source: Readable;
  readonly #limit: number;
  readonly #blocks: Block[] = [];
  readonly #readers = new Set<KeptReader>();
  #begin = 0;
  #end = 0;
  #isOver = false;
  #failure: Error | null = null;

  /** @param onData is given every piece once, in order */
  constructor(source: Readable, onData: (data: Uint8Array) => void, limitBytes = keptBytes) {
    this.#source = source;
    this.#limit = limitBytes;
    source.on('data', (data: Buffer) => {
      onData(data);
      this.#keep(data);
    });
    source.once('end', () => this.#over(null));
    source.once('error', (error) => this.#over(error));
    source.once('close', () => this.#over(null));
  }

  /** A reader from a place on, or from the nearest one that is kept. */
  open(from: From): { readonly offset: number; readonly bytes: Readable } {
    const wanted = from === 'kept' ? this.#begin : from === 'now' ? this.#end : from;
    const offset = Math.min(Math.max(wanted, this.#begin), this.#end);
    const reader = new KeptReader(offset, {
      pieceAt: (place) => this.#pieceAt(place),
      moved: () => this.#settle(),
      left: () => {
        this.#readers.delete(reader);
        this.#settle();
      },
    });
    this.#readers.add(reader);
    return { offset, bytes: reader };
  }

  #keep(data: Buffer): void {
    let rest = data;
    while (rest.length > 0) {
      let block = this.#blocks.at(-1);
      if (block === undefined || block.length === blockBytes) {
        block = { bytes: Buffer.allocUnsafeSlow(blockBytes), length: 0 };
        this.#blocks.push(block);
      }
      const copied = rest.copy(block.bytes, block.length);
      block.length += copied;
      rest = rest.subarray(copied);
    }
    this.#end += data.length;
    this.#settle();
    this.#tell();
  }

  #over(error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = error;
    this.#tell();
  }

  #pieceAt(place: number): Piece {
    if (place >= this.#end) return this.#isOver ? (this.#failure ?? 'end') : null;
    let begin = this.#begin;
    for (const { bytes, length } of this.#blocks) {
      // A view: what is in a block is never overwritten.
      if (place < begin + length) return bytes.subarray(place - begin, length);
      begin += length;
    }
    return null;
  }

  /** Lets go of what is beyond the limit and behind every reader; the stream waits for a reader that is so far behind. */
  #settle(): void {
    const slowest = Math.min(this.#end, ...[...this.#readers].map(({ place }) => place));
    for (;;) {
      const [oldest] = this.#blocks;
      if (oldest === undefined || this.#begin + oldest.length > slowest) break;
      if (this.#end - this.#begin - oldest.length < this.#limit) break;
      this.#blocks.shift();
      this.#begin += oldest.length;
    }
    if (this.#end - slowest > this.#limit) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }

  #tell(): void {
    for (const reader of [...this.#readers]) reader.more();
  }
}

interface Keeper {
  readonly pieceAt: (place: number) => Piece;
  readonly moved: () => void;
  readonly left: () => void;
}

class KeptReader extends Readable {
  /** Of the first byte that it has not taken. */
  place: number;
  readonly #keeper: Keeper;
  #isHungry = false;

  constructor(place: number, keeper: Keeper) {
    super({ highWaterMark: blockBytes });
    this.place = place;
    this.#keeper = keeper;
  }

  more(): void {
    const before = this.place;
    while (this.#isHungry) {
      const piece = this.#keeper.pieceAt(this.place);
      if (piece === null) break;
      this.#isHungry = false;
      if (piece === 'end') this.push(null);
      else if (piece instanceof Error) this.destroy(piece);
      else {
        this.place += piece.length;
        this.#isHungry = this.push(piece);
      }
    }
    if (this.place !== before) this.#keeper.moved();
  }

  override _read(): void {
    this.#isHungry = true;
    this.more();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#isHungry = false;
    this.#keeper.left();
    callback(error);
  }
}
