// Speaks QEMU's machine protocol over a stream: commands with ids and deadlines, and events. Knows nothing of pods.
import type { Duplex } from 'node:stream';
import { waitFor } from '../../../base/deadline.js';
import { reasonOf, VirtcontainersError } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import { qmpTimeoutMs } from '../../../model/limits.js';
import { QmpDecoder, type QmpMessage } from './qmp-decoder.js';

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface QmpCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; default `qmpTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

interface PendingCommand {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to one QEMU. */
export class QmpClient {
  /** Resolves when the connection has ended: with the error that ended it, if any; never rejects. */
  readonly closed: Promise<Error | undefined>;
  readonly #stream: Duplex;
  readonly #decoder: QmpDecoder;
  readonly #pending = new Map<number, PendingCommand>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #lastId = 0;
  #version: string | undefined;
  #ended = false;
  #settleClosed: (error: Error | undefined) => void = () => {};
  #settleGreeting: (error: Error | undefined) => void = () => {};
  readonly #greeting: Promise<Error | undefined>;

  private constructor(stream: Duplex, maxLineBytes: number | undefined) {
    this.#stream = stream;
    this.#decoder = new QmpDecoder(maxLineBytes);
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#greeting = new Promise((resolve) => {
      this.#settleGreeting = resolve;
    });
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    stream.on('error', (error) => this.#end(error));
    stream.on('end', () => this.#end(undefined));
    stream.on('close', () => this.#end(undefined));
  }

  /**
   * Waits for QEMU's greeting and ends the negotiation of capabilities. On failure the stream is destroyed.
   * @throws VirtcontainersError `timeout`, `unavailable`, `internal`
   */
  static async connect(
    stream: Duplex,
    options: QmpCallOptions & { readonly maxLineBytes?: number } = {},
  ): Promise<QmpClient> {
    const { timeoutMs = qmpTimeoutMs, signal } = options;
    const client = new QmpClient(stream, options.maxLineBytes);
    try {
      const failure = await waitFor(client.#greeting, {
        timeoutMs,
        signal,
        what: 'cannot connect to QEMU',
      });
      if (failure !== undefined) throw failure;
      await client.execute('qmp_capabilities', undefined, { timeoutMs, signal });
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** QEMU's version: `7.2.22`. */
  get version(): string {
    return this.#version ?? '?';
  }

  /**
   * Sends a command and gives its answer. Commands run concurrently; after a timeout or an abort
   * QEMU may still carry the command out.
   * @throws VirtcontainersError `timeout`, `cancelled`, `unavailable` (the connection ended), `internal` (QEMU refused)
   */
  execute(
    command: string,
    commandArguments?: Readonly<Record<string, unknown>>,
    options: QmpCallOptions = {},
  ): Promise<unknown> {
    const what = `cannot execute QMP command ${command}`;
    if (this.#ended) return Promise.reject(connectionEnded(what, undefined));
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { command, resolve, reject });
    });
    this.#stream.write(
      `${JSON.stringify({ execute: command, arguments: commandArguments, id })}\n`,
    );
    const { timeoutMs = qmpTimeoutMs, signal } = options;
    return waitFor(answer, { timeoutMs, signal, what }).finally(() => this.#pending.delete(id));
  }

  /** Calls `listener` for each event from now on; the function returned ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the connection; pending commands reject. Safe to repeat. */
  close(): void {
    this.#end(undefined);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#ended) return;
    try {
      for (const message of this.#decoder.push(chunk)) this.#take(message);
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(reasonOf(error)));
    }
  }

  #take(message: QmpMessage): void {
    switch (message.kind) {
      case 'greeting':
        this.#version ??= message.version;
        this.#settleGreeting(undefined);
        return;
      case 'event':
        for (const listener of this.#listeners) listener(message);
        return;
      case 'return':
        this.#claim(message.id)?.resolve(message.value);
        return;
      case 'error': {
        const claimed = this.#claim(message.id);
        claimed?.reject(refusal(claimed.command, message));
      }
    }
  }

  /** The command that an answer belongs to; none where its caller has stopped waiting. */
  #claim(id: unknown): PendingCommand | undefined {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > this.#lastId) {
      throw new VirtcontainersError(
        'internal',
        'cannot understand QEMU: it answered what was not asked',
      );
    }
    const claimed = this.#pending.get(id);
    this.#pending.delete(id);
    return claimed;
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.destroy();
    for (const { command, reject } of this.#pending.values()) {
      reject(connectionEnded(`cannot execute QMP command ${command}`, error));
    }
    this.#pending.clear();
    this.#listeners.clear();
    this.#settleGreeting(connectionEnded('cannot connect to QEMU', error));
    this.#settleClosed(error);
  }
}

function connectionEnded(what: string, cause: Error | undefined): VirtcontainersError {
  const why = cause === undefined ? '' : ` (${cause.message})`;
  return new VirtcontainersError('unavailable', `${what}: the connection to QEMU ended${why}`, {
    cause,
  });
}

function refusal(
  command: string,
  message: { readonly errorClass: string; readonly description: string },
): VirtcontainersError {
  return new VirtcontainersError(
    'internal',
    `cannot execute QMP command ${command}: ${printable(message.description, 1000)}`,
    { details: { qmpClass: printable(message.errorClass, 100), command } },
  );
}
