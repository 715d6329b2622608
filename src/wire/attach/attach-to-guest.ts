// The host's side of the attach exchange: a mark with a fresh token, and silence until the guest repeats it.
import type { Duplex } from 'node:stream';
import { AttachedStream, type Channel } from './attached-stream.js';
import { encodeMark, newToken } from './mark.js';
import { MarkDecoder } from './mark-decoder.js';

export interface AttachOptions {
  /** Longest wait for the guest's answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Why no connection was made: no answer in time, aborted (`cause` is the signal's reason), or the channel is gone. */
export class AttachError extends Error {
  readonly code: 'timeout' | 'aborted' | 'closed';

  constructor(code: AttachError['code'], message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = 'AttachError';
    this.code = code;
  }
}

/** A guest that boots may not read yet, and what it does not read may be lost: the mark is sent again this often. */
const repeatMs = 500;

/**
 * Begins a connection with whoever listens in the guest, whatever was left on the channel before.
 * `stream` belongs to it from here on: it is destroyed if the attempt fails and when the connection ends.
 * @throws AttachError
 */
export function attachToGuest(stream: Duplex, options: AttachOptions): Promise<Duplex> {
  return new Promise((resolve, reject) => new Attachment(stream, options, { resolve, reject }));
}

interface Outcome {
  readonly resolve: (connection: Duplex) => void;
  readonly reject: (error: AttachError) => void;
}

class Attachment implements Channel {
  readonly #stream: Duplex;
  readonly #outcome: Outcome;
  readonly #token = newToken();
  readonly #decoder: MarkDecoder;
  readonly #stopWaiting: () => void;
  #connection: AttachedStream | undefined;
  #hasEnded = false;

  constructor(stream: Duplex, { timeoutMs, signal }: AttachOptions, outcome: Outcome) {
    this.#stream = stream;
    this.#outcome = outcome;
    this.#decoder = new MarkDecoder({
      data: (bytes) => this.#connection?.receive(bytes),
      mark: (token) => this.#mark(token),
    });
    const sendMark = (): void => {
      if (!stream.writableNeedDrain) stream.write(encodeMark(this.#token));
    };
    const repeat = setInterval(sendMark, repeatMs);
    const timer = setTimeout(() => {
      this.#fail(new AttachError('timeout', `no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const onAbort = (): void =>
      this.#fail(new AttachError('aborted', 'aborted', { cause: signal?.reason }));
    this.#stopWaiting = () => {
      clearInterval(repeat);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    stream.on('data', (chunk: Buffer) => this.#decoder.push(chunk));
    stream.on('end', () => this.#ended());
    stream.on('close', () => this.#closed(undefined));
    stream.on('error', (error: Error) => this.#closed(error));
    if (signal?.aborted) onAbort();
    else if (stream.destroyed) this.#closed(undefined);
    else sendMark();
  }

  write(bytes: Buffer, done: (error?: Error | null) => void): void {
    this.#stream.write(bytes, done);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  released(): void {
    this.#stream.destroy();
  }

  #mark(token: Buffer): void {
    if (token.equals(this.#token)) {
      // Again the same: the answer to a repeated mark, of no interest.
      if (this.#connection === undefined) this.#attached();
    } else {
      // Before the answer: meant for a host that is gone. After it: the guest has dropped this connection.
      this.#connection?.destroy(new Error('the guest has begun another connection'));
    }
  }

  #attached(): void {
    this.#stopWaiting();
    this.#connection = new AttachedStream(this);
    this.#outcome.resolve(this.#connection);
  }

  #fail(error: AttachError): void {
    this.#stopWaiting();
    this.#outcome.reject(error);
    this.#stream.destroy();
  }

  #ended(): void {
    this.#hasEnded = true;
    if (this.#connection === undefined) this.#closed(undefined);
    else if (!this.#connection.destroyed) this.#connection.push(null);
  }

  #closed(cause: Error | undefined): void {
    if (this.#connection === undefined) {
      const reason = cause === undefined ? 'the channel is closed' : cause.message;
      this.#fail(new AttachError('closed', reason, ...(cause === undefined ? [] : [{ cause }])));
    } else if (!this.#hasEnded || cause !== undefined) {
      this.#connection.destroy(cause);
    }
  }
}
