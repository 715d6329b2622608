// The calling end of a ttrpc connection: concurrent calls, deadlines, cancellation.
import type { Duplex } from 'node:stream';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type { Status } from '../gen/ttrpc_pb.js';
import { Connection, type ConnectionHandler } from './connection.js';
import { decodeResponse, encodeRequest } from './envelope.js';
import {
  type FrameHeader,
  headerBytes,
  maxMessageBytes,
  maxStreamId,
  messageType,
} from './frame.js';
import { RpcError, rpcCode } from './rpc-error.js';
import { type CallOptions, type Client, maxTimeoutMs, unaryMethods } from './service.js';

export interface ClientOptions {
  /** Longest answer that is taken, in bytes; longer ones fail their call. Default 4 MiB, ttrpc's limit. */
  readonly maxResponseBytes?: number;
}

/** A connection on which calls can be made. */
export interface ClientConnection {
  /** @throws RpcError as the peer says; `deadline-exceeded`, `cancelled`, or `unavailable` when the connection is gone */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;
  /** How many pieces of bytes have come from the peer; where it stays the same, the peer is silent. */
  readonly received: number;
  /** Resolves when the connection has ended, with an error unless it ended in order. */
  readonly closed: Promise<Error | undefined>;
  /** Ends the connection; pending calls reject with `unavailable`. */
  close(reason?: Error): void;
}

/** Makes calls over `stream`, which belongs to the connection from here on and must not reuse the chunks it emits. */
export function connectClient(stream: Duplex, options: ClientOptions = {}): ClientConnection {
  return new TtrpcClient(stream, options.maxResponseBytes ?? maxMessageBytes);
}

/** An object with a function per method of a service. */
export function createClient<S extends GenServiceMethods>(
  service: GenService<S>,
  connection: ClientConnection,
): Client<S> {
  const functions = unaryMethods(service).map((method) => [
    method.localName,
    (request: MessageInitShape<DescMessage>, options?: CallOptions) =>
      connection.call(method, request, options),
  ]);
  return Object.fromEntries(functions) as Client<S>;
}

/** Of a peer's error, this much is kept: characters of its message, number of its details. */
const maxStatusMessageLength = 4096;
const maxStatusDetails = 16;

interface PendingCall {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: RpcError) => void;
}

class TtrpcClient implements ClientConnection, ConnectionHandler {
  readonly #connection: Connection;
  readonly #pending = new Map<number, PendingCall>();
  #nextStreamId = 1;
  #endReason: Error | undefined;

  constructor(stream: Duplex, limit: number) {
    this.#connection = new Connection(stream, this, limit);
  }

  get received(): number {
    return this.#connection.received;
  }

  get closed(): Promise<Error | undefined> {
    return this.#connection.closed;
  }

  close(reason?: Error): void {
    this.#connection.end(reason);
  }

  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const bytes = await this.#exchange(method, encodeMessage(method, request), options);
    try {
      return fromBinary(method.output, bytes, { readUnknownFields: false });
    } catch (cause) {
      throw new RpcError('internal', 'the answer cannot be decoded', { cause });
    }
  }

  /** Sends a request and waits for the bytes of its answer, the deadline or the abort, whichever is first. */
  #exchange(
    method: DescMethodUnary,
    payload: Uint8Array,
    { signal, timeoutMs = 0 }: CallOptions,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#connection.isEnded) return reject(this.#unavailable());
      if (signal?.aborted) return reject(cancelled(signal));
      const hasDeadline = timeoutMs > 0 && timeoutMs <= maxTimeoutMs;
      const streamId = this.#takeStreamId();
      if (streamId === undefined) return reject(this.#unavailable());
      const frame = encodeRequest(streamId, {
        service: method.parent.typeName,
        method: method.name,
        payload,
        timeoutMs: hasDeadline ? Math.ceil(timeoutMs) : 0,
      });
      if (frame.length - headerBytes > maxMessageBytes) return reject(tooLong());

      const giveUp = (error: RpcError): void => {
        this.#connection.forget(frame);
        pending.reject(error);
      };
      const onAbort = (): void => signal && giveUp(cancelled(signal));
      const timer = hasDeadline
        ? setTimeout(() => giveUp(expired(timeoutMs)), timeoutMs)
        : undefined;
      const settle = (): void => {
        this.#pending.delete(streamId);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const pending: PendingCall = {
        resolve: (bytes) => {
          settle();
          resolve(bytes);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(streamId, pending);
      this.#connection.send(frame);
    });
  }

  frame({ streamId, type }: FrameHeader, payload: Buffer): void {
    // Answers to calls that were given up, and whatever else a peer may send, are of no interest.
    const call = type === messageType.response ? this.#pending.get(streamId) : undefined;
    if (call === undefined) return;
    try {
      const response = decodeResponse(payload);
      if (response.status === undefined || response.status.code === 0) {
        call.resolve(response.payload);
      } else {
        call.reject(statusError(response.status));
      }
    } catch (cause) {
      call.reject(new RpcError('internal', 'the answer cannot be decoded', { cause }));
    }
  }

  oversize({ streamId }: FrameHeader, length: number): void {
    const call = this.#pending.get(streamId);
    call?.reject(new RpcError('resource-exhausted', `the answer has ${length} bytes`));
  }

  drained(): void {}

  ended(error: Error | undefined): void {
    this.#endReason = error;
    for (const call of [...this.#pending.values()]) call.reject(this.#unavailable());
  }

  /** The next id; when all are used up the connection ends, for they must never be used twice. */
  #takeStreamId(): number | undefined {
    if (this.#nextStreamId > maxStreamId) {
      this.#connection.end(new Error('all stream ids of the connection are used up'));
      return undefined;
    }
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    return streamId;
  }

  #unavailable(): RpcError {
    const reason = this.#endReason === undefined ? '' : `: ${this.#endReason.message}`;
    return new RpcError('unavailable', `the connection has ended${reason}`, {
      cause: this.#endReason,
    });
  }
}

function encodeMessage<I extends DescMessage>(
  method: DescMethodUnary<I>,
  request: MessageInitShape<I>,
): Uint8Array {
  try {
    return toBinary(method.input, create(method.input, request));
  } catch (cause) {
    throw new RpcError('invalid-argument', 'the request cannot be encoded', {
      cause,
    });
  }
}

function statusError(status: Status): RpcError {
  return new RpcError(rpcCode(status.code), status.message.slice(0, maxStatusMessageLength), {
    details: status.details.slice(0, maxStatusDetails),
  });
}

function cancelled(signal: AbortSignal): RpcError {
  return new RpcError('cancelled', 'aborted', { cause: signal.reason });
}

function expired(timeoutMs: number): RpcError {
  return new RpcError('deadline-exceeded', `no answer within ${timeoutMs} ms`);
}

function tooLong(): RpcError {
  return new RpcError('resource-exhausted', `the request is longer than ${maxMessageBytes} bytes`);
}
