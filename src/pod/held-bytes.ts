// Bytes that wait for their reader, in as much memory as there are bytes: whoever sends them chooses how they are cut.

/** Size of a block, in bytes. */
const blockBytes = 64 * 1024;

/** A queue of bytes in blocks of its own. */
export class HeldBytes {
  readonly #blocks: Buffer[] = [];
  /** How much of the last block is filled. */
  #fill = 0;
  #length = 0;

  /** How many bytes are held. */
  get length(): number {
    return this.#length;
  }

  /** Copies `data` behind what is held. */
  add(data: Uint8Array): void {
    this.#length += data.length;
    for (let rest = data; rest.length > 0; ) {
      let block = this.#blocks.at(-1);
      if (block === undefined || this.#fill === block.length) {
        block = Buffer.allocUnsafeSlow(blockBytes);
        this.#blocks.push(block);
        this.#fill = 0;
      }
      const count = Math.min(rest.length, block.length - this.#fill);
      block.set(rest.subarray(0, count), this.#fill);
      this.#fill += count;
      rest = rest.subarray(count);
    }
  }

  /** The oldest bytes, up to a block of them; null if there are none. */
  take(): Buffer | null {
    const block = this.#blocks.shift();
    if (block === undefined) return null;
    const taken = this.#blocks.length === 0 ? block.subarray(0, this.#fill) : block;
    this.#length -= taken.length;
    return ownBytes(taken);
  }
}

/** The bytes themselves, or a copy where they would keep a buffer of more than twice their size. */
export function ownBytes(data: Uint8Array): Buffer {
  return data.length * 2 < data.buffer.byteLength
    ? Buffer.from(data)
    : Buffer.from(data.buffer, data.byteOffset, data.length);
}
