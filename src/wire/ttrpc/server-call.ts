// One call at the answering end: its deadline, its signal, and that it is answered once.
import { RpcError } from './rpc-error.js';
import { type CallContext, maxTimeoutMs } from './service.js';

/** The context of a call; the signal is only made where a handler looks at it, for most do not. */
export class ServerCall implements CallContext {
  readonly #timer: NodeJS.Timeout | undefined;
  #controller: AbortController | undefined;
  #abortReason: RpcError | undefined;
  #isSettled = false;

  /** @param onExpired must answer the call: its deadline has passed */
  constructor(timeoutMs: number, onExpired: (error: RpcError) => void) {
    if (timeoutMs <= 0 || timeoutMs > maxTimeoutMs) return;
    this.#timer = setTimeout(() => {
      if (!this.settle()) return;
      const error = new RpcError('deadline-exceeded', `not done within ${timeoutMs} ms`);
      onExpired(error);
      this.abort(error);
    }, timeoutMs);
    // The connection keeps the process alive as long as anybody may be answered.
    this.#timer.unref();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** Claims the right to answer: true for the first who asks. */
  settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    return true;
  }

  /** Tells the handler that nobody waits any more. */
  abort(reason: RpcError): void {
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }
}
