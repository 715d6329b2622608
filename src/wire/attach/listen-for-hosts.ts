// The guest's side of the attach exchange: each mark ends the connection before it and begins a new one.
import type { Duplex } from 'node:stream';
import { AttachedStream, type Channel } from './attached-stream.js';
import { encodeMark } from './mark.js';
import { MarkDecoder } from './mark-decoder.js';

/**
 * Hands out a fresh stream for each host that attaches; the one before it is destroyed and its unsent output
 * dropped. A connection must be read or destroyed: what is not read stands in the way of the next host's mark.
 * @param port must not reuse the chunks it emits; it is destroyed by `close`
 */
export function listenForHosts(
  port: Duplex,
  onAttach: (connection: Duplex) => void,
): { close(): void } {
  return new HostListener(port, onAttach);
}

class HostListener {
  readonly #port: Duplex;
  readonly #onAttach: (connection: Duplex) => void;
  readonly #answers: AnswerQueue;
  #connection: AttachedStream | undefined;
  #token: Buffer | undefined;

  constructor(port: Duplex, onAttach: (connection: Duplex) => void) {
    this.#port = port;
    this.#onAttach = onAttach;
    this.#answers = new AnswerQueue(port);
    const decoder = new MarkDecoder({
      data: (bytes) => this.#connection?.receive(bytes),
      mark: (token) => this.#mark(token),
    });
    port.on('data', (chunk: Buffer) => decoder.push(chunk));
    port.on('error', (error: Error) => this.#connection?.destroy(error));
    port.on('close', () => this.#connection?.destroy());
  }

  close(): void {
    this.#connection?.destroy();
    this.#port.destroy();
  }

  #mark(token: Buffer): void {
    // A host repeats its mark until it is answered, and says nothing else before.
    const isRepeated =
      this.#token?.equals(token) === true &&
      this.#connection?.destroyed === false &&
      !this.#connection.hasReceived;
    this.#answers.send(encodeMark(token));
    if (isRepeated) return;
    this.#connection?.destroy();
    this.#answers.forgetWaiting();
    this.#token = token;
    const connection = new AttachedStream(this.#channel());
    // A connection that ends by another host's mark is no error of anyone.
    connection.on('error', () => {});
    this.#connection = connection;
    this.#onAttach(connection);
  }

  #channel(): Channel {
    return {
      write: (bytes, done) => this.#answers.whenSent(() => this.#port.write(bytes, done)),
      pause: () => this.#port.pause(),
      resume: () => this.#port.resume(),
      released: () => this.#port.resume(),
    };
  }
}

/** Sends the newest answer before any data, one at a time: marks that come faster than they are answered pile up nothing. */
class AnswerQueue {
  readonly #port: Duplex;
  #isSending = false;
  #newest: Buffer | undefined;
  #waiting: (() => void) | undefined;

  constructor(port: Duplex) {
    this.#port = port;
  }

  send(answer: Buffer): void {
    if (this.#isSending) {
      this.#newest = answer;
      return;
    }
    this.#isSending = true;
    this.#port.write(answer, () => {
      this.#isSending = false;
      const next = this.#newest;
      this.#newest = undefined;
      if (next !== undefined) this.send(next);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.();
    });
  }

  /** The connection whose write waits has ended. */
  forgetWaiting(): void {
    this.#waiting = undefined;
  }

  /** Calls `write` once the newest answer has been given to the port. */
  whenSent(write: () => void): void {
    if (this.#newest === undefined) write();
    else this.#waiting = write;
  }
}
