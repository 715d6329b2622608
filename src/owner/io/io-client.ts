// Opens the raw streams of a pod that another process owns.
import type { Socket } from 'node:net';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../../base/errors.js';
import { fromPlainError } from '../../base/plain-error.js';
import { dialSocket } from '../../base/sockets/dial-socket.js';
import {
  type From,
  ioSocketName,
  ioVersion,
  parseAnswer,
  type StreamRequest,
  toLine,
} from './io-protocol.js';
import { readLine } from './read-line.js';

/** Which process of a pod, and where its owner serves it. */
export interface StreamPlace {
  /** The pod's directory. */
  readonly directory: string;
  readonly containerId: string;
  /** Null is the container's first. */
  readonly processId: string | null;
}

/** How long the owner may take to answer, in milliseconds. */
const answerTimeoutMs = 10_000;

/** Output as it comes. */
export class OutputConnection extends Readable {
  /** The place of its first byte in the stream. Where it is later than asked, what was between is no longer kept. */
  readonly offset: number;
  readonly #socket: Socket;

  constructor(socket: Socket, offset: number) {
    super();
    this.offset = offset;
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.once('end', () => {
      this.push(null);
      socket.end();
    });
    socket.once('error', (error) => this.destroy(error));
    socket.once('close', () => this.readableEnded || this.push(null));
  }

  /** Has it keep this process alive no longer. */
  unref(): this {
    this.#socket.unref();
    return this;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }
}

/** Input on its way: finished when the owner has passed all of it on. */
export class InputConnection extends Writable {
  readonly #socket: Socket;
  readonly #taken: Promise<void>;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    this.#taken = new Promise((resolve, reject) => {
      socket.once('end', () => resolve());
      const lost = (error?: Error): void => {
        const gone = error ?? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
        reject(gone);
        if (!this.writableFinished) this.destroy(gone);
      };
      socket.once('error', lost).once('close', () => lost());
    });
    this.#taken.catch(() => {});
    socket.resume();
  }

  /** As that of `OutputConnection`. */
  unref(): this {
    this.#socket.unref();
    return this;
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void) {
    this.#socket.write(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.end();
    this.#taken.then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }
}

/**
 * Opens output of a process.
 * @throws VirtcontainersError what the owner says; `unavailable` where it cannot be reached
 */
export async function openOutput(
  place: StreamPlace & { readonly stream: 'stdout' | 'stderr'; readonly from: From },
): Promise<OutputConnection> {
  const { stream, from } = place;
  const what = `cannot read ${stream} of ${nameOf(place)}`;
  const { socket, offset } = await open(what, place, { stream, from });
  return new OutputConnection(socket, offset);
}

/**
 * Opens the input of a process. `end` and `destroy` leave the process' input open.
 * @throws VirtcontainersError as `openOutput`
 */
export async function openInput(place: StreamPlace): Promise<InputConnection> {
  const what = `cannot write to ${nameOf(place)}`;
  const { socket } = await open(what, place, { stream: 'stdin', from: 'now' });
  return new InputConnection(socket);
}

function nameOf({ containerId, processId }: StreamPlace): string {
  const container = `container ${containerId}`;
  return processId === null ? container : `process ${processId} of ${container}`;
}

async function open(
  what: string,
  { directory, containerId, processId }: StreamPlace,
  request: Pick<StreamRequest, 'stream' | 'from'>,
): Promise<{ readonly socket: Socket; readonly offset: number }> {
  let socket: Socket | undefined;
  try {
    socket = await dialSocket(path.join(directory, ioSocketName), { what });
    // Its own end is ours to make.
    socket.allowHalfOpen = true;
    socket.on('error', () => {});
    socket.write(toLine({ version: ioVersion, containerId, processId, ...request }));
    const answer = parseAnswer(await readLine(socket, answerTimeoutMs));
    if ('error' in answer) throw fromPlainError(answer.error);
    return { socket, offset: answer.offset };
  } catch (error) {
    socket?.destroy();
    if (isVirtcontainersError(error)) throw error;
    const reason = `its owner cannot be reached: ${reasonOf(error)}`;
    throw new VirtcontainersError('unavailable', `${what}: ${reason}`, {
      cause: error,
      details: { reason: 'owner-gone' },
    });
  }
}
