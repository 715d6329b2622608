// Takes stuffed bytes apart again: data, and the marks at which connections begin.
import { firstMarkByte, markBytes, markCode, possibleMarkStart, tokenBytes } from './mark.js';

export interface MarkSink {
  /** Bytes of the current connection. */
  data(bytes: Buffer): void;
  /** A connection begins; what was received of the one before is not all it sent. */
  mark(token: Buffer): void;
}

// Several senders in a row may each die while sending a mark; of so many bytes, no more are held back.
const maxHeldBeginnings = 64;

/** Decodes a byte stream that may begin, break off and begin again anywhere. Keeps less than 100 bytes. */
export class MarkDecoder {
  readonly #sink: MarkSink;
  #held = Buffer.alloc(0);
  #isLost = false;

  constructor(sink: MarkSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    let position = 0;
    while (position < bytes.length) {
      const found = bytes.indexOf(markBytes, position);
      const code = found < 0 ? undefined : bytes[found + markBytes.length];
      if (code === undefined) {
        // No mark, or one whose code is still to come.
        this.#hold(bytes, position, found < 0 ? bytes.length : found);
        return;
      }
      const behind = found + markBytes.length + 1;
      if (code === markCode.literal) {
        this.#deliver(bytes.subarray(position, behind - 1));
        position = behind;
      } else if (code === markCode.nothing) {
        this.#deliver(bytes.subarray(position, found));
        position = behind;
      } else if (code === markCode.mark) {
        const token = bytes.subarray(behind, behind + tokenBytes);
        const interruption = token.indexOf(firstMarkByte);
        if (interruption >= 0) {
          this.#isLost = true;
          position = behind + interruption;
        } else if (token.length < tokenBytes) {
          this.#hold(bytes, position, found);
          return;
        } else {
          // What precedes the mark in this chunk belongs to a connection that is gone: nobody reads it.
          this.#isLost = false;
          this.#sink.mark(Buffer.from(token));
          position = behind + tokenBytes;
        }
      } else {
        this.#isLost = true;
        position = behind - 1;
      }
    }
  }

  #deliver(bytes: Buffer): void {
    if (!this.#isLost && bytes.length > 0) this.#sink.data(bytes);
  }

  /** Delivers what is data for sure; keeps what begins at `end` and the beginnings of M right before it. */
  #hold(bytes: Buffer, start: number, end: number): void {
    let from = end;
    while (end - from < maxHeldBeginnings) {
      const before = possibleMarkStart(bytes, start, from);
      if (before === from) break;
      from = before;
    }
    this.#deliver(bytes.subarray(start, from));
    this.#held = Buffer.from(bytes.subarray(from));
  }
}
