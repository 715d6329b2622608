// A process' input at its owner: opened at the first write; its end is told to the process when all was taken.
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

export interface InputDoor {
  /** Connects; called once. */
  readonly open: () => Promise<Writable>;
  /** Ends the process' input. */
  readonly close: () => Promise<void>;
  /** Keeps this process alive until that has settled. */
  readonly hold: <T>(work: Promise<T>) => Promise<T>;
}

/** One that ends by `destroy` is closed at the process as well. */
export class RemoteInput extends Writable {
  readonly #door: InputDoor;
  #opened: Promise<Writable> | null = null;
  #ended = false;

  constructor(door: InputDoor) {
    super({ highWaterMark: 256 * 1024 });
    this.#door = door;
    // As with output: nobody must be ended by an error of a stream that he never touched.
    this.on('error', () => {});
  }

  /** The process has ended: nothing can be written any more. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.destroy();
  }

  override _write(
    chunk: Buffer,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.#follow(this.#send(chunk), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#follow(this.#end(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    void this.#leave();
    callback(error);
  }

  async #send(chunk: Buffer): Promise<void> {
    this.#opened ??= this.#open();
    const stream = await this.#opened;
    if (stream.write(chunk)) return;
    const settled = new AbortController();
    const { signal } = settled;
    const ended = finished(stream, { readable: false, signal, cleanup: true });
    ended.catch(() => {});
    await Promise.race([once(stream, 'drain', { signal }), ended]).finally(() => settled.abort());
  }

  async #open(): Promise<Writable> {
    const stream = await this.#door.open();
    stream.on('error', (error: Error) => this.destroy(error));
    return stream;
  }

  async #end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      const stream = await this.#opened;
      if (stream === null) return;
      stream.end();
      await finished(stream, { readable: false });
    } finally {
      await this.#door.close();
    }
  }

  // Whoever destroys an input does not ask how that ends.
  async #leave(): Promise<void> {
    await this.#end().catch(() => {});
    const stream = await this.#opened?.catch(() => null);
    stream?.destroy();
  }

  #follow(work: Promise<void>, callback: (error?: Error | null) => void): void {
    this.#door.hold(work).then(
      () => callback(),
      (error: Error) => callback(error),
    );
  }
}
