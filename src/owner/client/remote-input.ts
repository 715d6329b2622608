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
    this.#end().catch(() => {});
    callback(error);
  }

  async #send(chunk: Buffer): Promise<void> {
    this.#opened ??= this.#door.open();
    const stream = await this.#opened;
    if (stream.write(chunk)) return;
    const settled = new AbortController();
    const { signal } = settled;
    const ended = finished(stream, { readable: false, signal, cleanup: true });
    ended.catch(() => {});
    await Promise.race([once(stream, 'drain', { signal }), ended]).finally(() => settled.abort());
  }

  async #end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#opened !== null) {
      const stream = await this.#opened;
      stream.end();
      await finished(stream, { readable: false });
    }
    await this.#door.close();
  }

  #follow(work: Promise<void>, callback: (error?: Error | null) => void): void {
    this.#door.hold(work).then(
      () => callback(),
      (error: Error) => callback(error),
    );
  }
}
