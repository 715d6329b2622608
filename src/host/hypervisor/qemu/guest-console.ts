// Reads a VM's serial console as fast as it comes: a full socket would make the guest wait for its own console.
import type { Readable } from 'node:stream';
import { consoleTailBytes } from '../../../model/limits.js';
import type { BoundedLog } from '../../logs/bounded-log.js';
import { ByteTail } from '../../logs/byte-tail.js';

/** Keeps the last bytes, and passes all of them to the log. */
export class GuestConsole {
  /** Resolves when the console has ended, and at once where none was ever connected; never rejects. */
  ended: Promise<void> = Promise.resolve();
  readonly #tail = new ByteTail(consoleTailBytes);
  readonly #log: BoundedLog | null;

  constructor(log: BoundedLog | null) {
    this.#log = log;
  }

  /** Reads from `stream` until it ends. */
  follow(stream: Readable): void {
    this.ended = new Promise((resolve) => {
      stream.once('close', resolve);
    });
    stream.on('data', (chunk: Uint8Array) => {
      this.#tail.push(chunk);
      this.#log?.write(chunk);
    });
    stream.on('error', () => stream.destroy());
    stream.on('end', () => stream.destroy());
  }

  /** The last of what the guest wrote, as it came. */
  text(): string {
    return this.#tail.text();
  }

  /** Writes the log out and closes it. */
  async close(): Promise<void> {
    await this.#log?.close();
  }
}
