// One connection over a channel that has none: a duplex stream whose bytes travel stuffed.
import { Duplex } from 'node:stream';
import { stuff } from './mark.js';

/** What a connection needs of the channel it runs over. */
export interface Channel {
  /** Writes stuffed bytes; one write at a time. */
  write(bytes: Buffer, done: (error?: Error | null) => void): void;
  pause(): void;
  resume(): void;
  /** The connection was destroyed, by whichever side. */
  released(): void;
}

export class AttachedStream extends Duplex {
  readonly #channel: Channel;
  #hasReceived = false;

  constructor(channel: Channel) {
    super({ allowHalfOpen: false });
    this.#channel = channel;
  }

  /** Whether any byte has come in. */
  get hasReceived(): boolean {
    return this.#hasReceived;
  }

  /** Takes bytes from the channel; a reader that is behind stops the channel, so it must be read or destroyed. */
  receive(bytes: Buffer): void {
    if (this.destroyed || this.readableEnded) return;
    this.#hasReceived = true;
    if (!this.push(bytes)) this.#channel.pause();
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#channel.write(stuff(chunk), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.released();
    done(error);
  }
}
