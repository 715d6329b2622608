// The agent's virtio-serial port as a duplex stream: one descriptor, read and written in the thread pool.
import { close, constants, open, read, write, writeSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { isWritable } from '../base/native/pipes.js';

const openFile = promisify(open);

/** Largest piece that is read at once, in bytes. */
const readBytes = 64 * 1024;
/** Pause after a read that gave nothing, in milliseconds: without a host a read returns at once, endlessly. */
const awayPauseMs = 10;

/** Opens the port, which can be open only once; it holds a thread of the pool as long as it lives. */
export async function openPort(path: string): Promise<Duplex> {
  return new Port(await openFile(path, constants.O_RDWR));
}

class Port extends Duplex {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes);
  #reading = false;

  constructor(fd: number) {
    super({ allowHalfOpen: true, readableHighWaterMark: readBytes });
    this.#fd = fd;
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    read(this.#fd, this.#buffer, 0, readBytes, null, (error, count) => {
      this.#reading = false;
      if (this.destroyed) return;
      if (error !== null) this.destroy(error);
      else if (count === 0) setTimeout(() => this._read(), awayPauseMs);
      // A copy: what the next read brings must not change what is still on its way.
      else this.push(Buffer.from(this.#buffer.subarray(0, count)));
    });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const rest = this.#writeNow(chunk);
    if (rest.length === 0) {
      done();
      return;
    }
    // The host does not read or is away: wait in a thread.
    write(this.#fd, rest, 0, rest.length, null, (error, count) => {
      if (error !== null) done(error);
      else this._write(rest.subarray(count), '', done);
    });
  }

  /**
   * Writes what goes without waiting: a way through the thread pool costs more than the call, and Linux 6.1 takes
   * 32 KiB a call. Where poll says so there is room for one, as the port has no other writer.
   */
  #writeNow(chunk: Buffer): Buffer {
    let rest = chunk;
    while (rest.length > 0 && isWritable(this.#fd)) {
      rest = rest.subarray(writeSync(this.#fd, rest, 0, rest.length, null));
    }
    return rest;
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    close(this.#fd, (failure) => done(error ?? failure ?? null));
  }
}
