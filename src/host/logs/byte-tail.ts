// Keeps the last bytes of a stream in memory.

/** Holds at most `maxBytes`, whatever is pushed. */
export class ByteTail {
  readonly #ring: Buffer;
  #total = 0;

  constructor(maxBytes: number) {
    this.#ring = Buffer.alloc(maxBytes);
  }

  /** How many bytes have been pushed so far. */
  get totalBytes(): number {
    return this.#total;
  }

  push(chunk: Uint8Array): void {
    const size = this.#ring.length;
    const kept = chunk.length > size ? chunk.subarray(chunk.length - size) : chunk;
    const start = (this.#total + chunk.length - kept.length) % size;
    const first = kept.subarray(0, size - start);
    this.#ring.set(first, start);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#total += chunk.length;
  }

  /** What is held, oldest first. */
  bytes(): Buffer {
    const end = this.#total % this.#ring.length;
    return this.#total <= this.#ring.length
      ? Buffer.from(this.#ring.subarray(0, this.#total))
      : Buffer.concat([this.#ring.subarray(end), this.#ring.subarray(0, end)]);
  }

  /** What is held, read as UTF-8; a character cut at the beginning becomes a replacement character. */
  text(): string {
    return this.bytes().toString('utf8');
  }
}
