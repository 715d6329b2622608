// The answering end of a ttrpc connection: finds the handler, runs calls concurrently, answers each once.
import type { Duplex } from 'node:stream';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Connection, type ConnectionHandler } from './connection.js';
import { decodeRequest, encodeFailure, encodeSuccess, type RequestEnvelope } from './envelope.js';
import {
  type FrameHeader,
  flagRemoteOpen,
  headerBytes,
  maxMessageBytes,
  messageType,
} from './frame.js';
import { RpcError } from './rpc-error.js';
import { ServerCall } from './server-call.js';
import type { MethodImplementation, ServiceImplementation } from './service.js';

export interface ServerOptions {
  /** Calls that may run at the same time; more are answered `resource-exhausted`. Default 1024. */
  readonly maxConcurrentCalls?: number;
}

/** A connection that is being served. */
export interface ServerConnection {
  /** Resolves when the connection has ended, with an error unless it ended in order. */
  readonly closed: Promise<Error | undefined>;
  /** Ends the connection; the signals of running calls fire. */
  close(): void;
}

/** Answers calls over `stream`, which belongs to the connection from here on and must not reuse the chunks it emits. */
export function serve(
  stream: Duplex,
  services: readonly ServiceImplementation[],
  options: ServerOptions = {},
): ServerConnection {
  return new TtrpcServer(stream, services, options.maxConcurrentCalls ?? 1024);
}

class TtrpcServer implements ServerConnection, ConnectionHandler {
  readonly #connection: Connection;
  readonly #services: ReadonlyMap<string, ServiceImplementation>;
  readonly #maxCalls: number;
  readonly #calls = new Map<number, ServerCall>();
  #lastStreamId = 0;

  constructor(stream: Duplex, services: readonly ServiceImplementation[], maxCalls: number) {
    this.#services = new Map(services.map((service) => [service.typeName, service]));
    this.#maxCalls = maxCalls;
    this.#connection = new Connection(stream, this, maxMessageBytes);
  }

  get closed(): Promise<Error | undefined> {
    return this.#connection.closed;
  }

  close(): void {
    this.#connection.end(undefined);
  }

  frame(header: FrameHeader, payload: Buffer): void {
    try {
      if (header.type === messageType.request) this.#accept(header, payload);
      else if (header.type === messageType.data) this.#refuseData(header);
    } catch (error) {
      this.#fail(header.streamId, error);
    }
  }

  oversize({ streamId, type }: FrameHeader, length: number): void {
    if (type !== messageType.request) return;
    const message = `the message has ${length} bytes, at most ${maxMessageBytes} are allowed`;
    this.#fail(streamId, new RpcError('resource-exhausted', message));
  }

  drained(): void {
    this.#connection.resume();
  }

  ended(): void {
    const reason = new RpcError('cancelled', 'the connection has ended');
    for (const call of this.#calls.values()) {
      if (call.settle()) call.abort(reason);
    }
  }

  /** @throws RpcError that answers the request instead of a handler */
  #accept({ streamId, flags }: FrameHeader, payload: Buffer): void {
    if (streamId % 2 === 0) {
      throw new RpcError('invalid-argument', `stream id ${streamId} is not odd`);
    }
    if (streamId <= this.#lastStreamId) {
      const message = `stream id ${streamId} does not follow ${this.#lastStreamId}`;
      throw new RpcError('invalid-argument', message);
    }
    this.#lastStreamId = streamId;
    if ((flags & flagRemoteOpen) !== 0) {
      throw new RpcError('unimplemented', 'streaming calls are not supported');
    }
    if (this.#calls.size >= this.#maxCalls) {
      throw new RpcError('resource-exhausted', `${this.#maxCalls} calls are running`);
    }
    const request = decode('the request', () => decodeRequest(payload));
    this.#run(streamId, request, this.#find(request));
  }

  #find({ service, method }: RequestEnvelope): MethodImplementation {
    const implementation = this.#services.get(service)?.methods.get(method);
    if (implementation !== undefined) return implementation;
    const name = `${service.slice(0, 200)}/${method.slice(0, 200)}`;
    throw new RpcError('unimplemented', `there is no method ${name}`);
  }

  #run(streamId: number, request: RequestEnvelope, { method, handle }: MethodImplementation): void {
    const message = decode(`the request of ${method.name}`, () =>
      fromBinary(method.input, request.payload, { readUnknownFields: false }),
    );
    const call = new ServerCall(request.timeoutMs, (error) => this.#fail(streamId, error));
    // The entry stays until the handler is done, answered or not: it is what bounds the work.
    this.#calls.set(streamId, call);
    const answer = async (): Promise<void> => {
      try {
        const response = await handle(message, call);
        const frame = encodeAnswer(streamId, method, response);
        if (call.settle()) this.#send(frame);
      } catch (error) {
        if (call.settle()) this.#fail(streamId, error);
      } finally {
        this.#calls.delete(streamId);
      }
    };
    void answer();
  }

  #refuseData({ streamId }: FrameHeader): void {
    if (this.#calls.has(streamId)) return;
    throw new RpcError('invalid-argument', `stream ${streamId} takes no data`);
  }

  #fail(streamId: number, error: unknown): void {
    this.#send(encodeFailure(streamId, toRpcError(error)));
  }

  /** A peer that sends but does not read is not read either, so answers do not pile up. */
  #send(frame: Buffer): void {
    this.#connection.send(frame);
    if (this.#connection.isBlocked) this.#connection.pause();
  }
}

function decode<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new RpcError('invalid-argument', `${what} cannot be decoded`, { cause });
  }
}

function encodeAnswer(streamId: number, method: DescMethodUnary, response: unknown): Buffer {
  const init = response as MessageInitShape<DescMessage>;
  const frame = encodeSuccess(streamId, toBinary(method.output, create(method.output, init)));
  const length = frame.length - headerBytes;
  if (length <= maxMessageBytes) return frame;
  throw new RpcError('resource-exhausted', `the answer of ${method.name} has ${length} bytes`);
}

function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError('unknown', error instanceof Error ? error.message : String(error));
}
