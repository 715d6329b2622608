// A process' output from its owner: opened at the first read, with backpressure to the process.
import { Readable } from 'node:stream';
import { reasonOf } from '../../base/errors.js';
import type { HeldOutput } from '../../pod/held-process.js';

/** Few: what waits beyond is in the socket, and with the owner. */
const looseBytes = 64 * 1024;

export interface OutputDoor {
  /** Connects; called once. The stream does not keep this process alive. */
  readonly open: () => Promise<Readable>;
  /** Keeps this process alive until that has settled: somebody reads. */
  readonly hold: (work: Promise<void>) => Promise<void>;
}

export class RemoteOutput extends Readable implements HeldOutput {
  readonly drawn: Promise<void>;
  readonly #door: OutputDoor;
  #hasBegun = false;
  #stream: Readable | null = null;
  #finish: () => void = () => {};
  #isOver = false;

  constructor(door: OutputDoor) {
    super({ highWaterMark: looseBytes });
    this.#door = door;
    this.drawn = new Promise((resolve) => {
      this.#finish = resolve;
    });
    // A program that never looks at this stream must not be ended by its error; those that read it see it.
    this.on('error', () => {});
    const onReader = (event: string | symbol): void => {
      if (event !== 'data' && event !== 'readable') return;
      this.off('newListener', onReader);
      void door.hold(this.drawn);
    };
    this.on('newListener', onReader);
  }

  /** Begins to draw, before anybody reads. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#connect();
  }

  stop(error: Error): void {
    if (this.#isOver) return;
    this.#over();
    this.destroy(error);
  }

  override _read(): void {
    this.begin();
    this.#stream?.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#over();
    this.#stream?.destroy();
    callback(error);
  }

  async #connect(): Promise<void> {
    try {
      const stream = await this.#door.open();
      if (this.destroyed) {
        stream.on('error', () => {}).destroy();
        return;
      }
      this.#stream = stream;
      stream.on('data', (chunk: Buffer) => {
        if (!this.push(chunk)) stream.pause();
      });
      stream.once('end', () => {
        this.#over();
        this.push(null);
      });
      stream.once('error', (error: Error) => this.stop(error));
    } catch (error) {
      this.stop(error instanceof Error ? error : new Error(reasonOf(error)));
    }
  }

  #over(): void {
    this.#isOver = true;
    this.#finish();
  }
}
