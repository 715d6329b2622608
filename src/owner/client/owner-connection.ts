// A connection to the owner of a pod: its calls with their aborts and errors, and how long it keeps this process alive.
import type { Socket } from 'node:net';
import type {
  DescMessage,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import {
  abortError,
  isVirtcontainersError,
  reasonOf,
  throwIfAborted,
  VirtcontainersError,
} from '../../base/errors.js';
import { cancelAnswerMs } from '../../model/limits.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import { type ClientConnection, connectClient, RpcError } from '../../wire/ttrpc/index.js';
import { fromRpcError } from '../protocol.js';

export interface OwnerCall {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Whether it keeps this process alive: not where nobody waits for it yet. Default true. */
  readonly holds?: boolean;
}

/** The largest number that a call can have, and then they begin anew. */
const maxCallId = 0xffff_ffff;

// A pod that its program has forgotten: there is no call to close one, and an owner serves only so many connections.
const abandoned = new FinalizationRegistry((rpc: ClientConnection) => rpc.close());

export class OwnerConnection {
  readonly podId: string;
  readonly #socket: Socket;
  readonly #rpc: ClientConnection;
  readonly #isDeleted: () => boolean;
  #holders = 0;
  #lastCallId = 0;

  /** @param isDeleted whether the pod is no more, asked when the owner has ended */
  constructor(podId: string, socket: Socket, isDeleted: () => boolean) {
    this.podId = podId;
    this.#socket = socket;
    this.#isDeleted = isDeleted;
    this.#rpc = connectClient(socket);
    socket.unref();
    abandoned.register(this, this.#rpc);
  }

  /**
   * @throws VirtcontainersError as the owner throws it; an AbortError once the owner has undone what the call had begun;
   *   `unavailable` where the owner has ended
   */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { what, signal, holds = true }: OwnerCall,
  ): Promise<MessageShape<O>> {
    throwIfAborted(signal, what);
    const callId = signal === undefined ? 0 : this.#takeCallId();
    const asked = callId === 0 ? request : { ...request, callId };
    const answer = this.#rpc.call(method, asked as MessageInitShape<I>);
    const answered =
      signal === undefined ? answer : this.#abortable(answer, { what, signal, callId });
    try {
      return await (holds ? this.hold(answered) : answered);
    } catch (error) {
      throw this.#toError(what, signal, error);
    }
  }

  /** Keeps this process alive until that has settled. */
  async hold<T>(work: Promise<T>): Promise<T> {
    // One that is closed would remember it for a connection that never comes.
    if (this.#holders++ === 0 && !this.#socket.destroyed) this.#socket.ref();
    try {
      return await work;
    } finally {
      if (--this.#holders === 0 && !this.#socket.destroyed) this.#socket.unref();
    }
  }

  /** Ends the connection; what is pending rejects. */
  close(): void {
    this.#rpc.close();
  }

  // What the owner has begun for the call is undone when it answers; one that does not answer is not waited for.
  #abortable<T>(
    answer: Promise<T>,
    { what, signal, callId }: { what: string; signal: AbortSignal; callId: number },
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let late: NodeJS.Timeout | undefined;
      const cancel = (): void => {
        this.#rpc.call(PodService.method.cancel, { callId }).catch(() => {});
        late = setTimeout(() => reject(abortError(signal, what)), cancelAnswerMs);
      };
      const settle = (): void => {
        clearTimeout(late);
        signal.removeEventListener('abort', cancel);
      };
      signal.addEventListener('abort', cancel, { once: true });
      answer.finally(settle).then(resolve, reject);
    });
  }

  #toError(what: string, signal: AbortSignal | undefined, error: unknown): VirtcontainersError {
    if (!(error instanceof RpcError)) {
      if (isVirtcontainersError(error)) return error;
      return new VirtcontainersError('internal', `${what}: ${reasonOf(error)}`, { cause: error });
    }
    const told = fromRpcError(error);
    if (told?.code === 'cancelled' && signal?.aborted) {
      const { message, details } = told;
      return new VirtcontainersError('cancelled', message, { cause: signal.reason, details });
    }
    if (told !== null) return told;
    if (error.code === 'unavailable') return this.#ownerGone(what);
    return new VirtcontainersError('internal', `${what}: ${error.message}`, { cause: error });
  }

  #ownerGone(what: string): VirtcontainersError {
    if (this.#isDeleted()) {
      return new VirtcontainersError('not-found', `${what}: the pod has been deleted`);
    }
    const reason = `the owner of pod ${this.podId} has ended`;
    return new VirtcontainersError('unavailable', `${what}: ${reason}`, {
      hint: 'open the pod again; where its owner is dead, delete it with `deletePod`',
      details: { reason: 'owner-gone' },
    });
  }

  #takeCallId(): number {
    this.#lastCallId = this.#lastCallId >= maxCallId ? 1 : this.#lastCallId + 1;
    return this.#lastCallId;
  }
}
