// Operations on one thing, one after another: each waits for the one before, waiting can be given up, running work hurried.
import { abortError, isVirtcontainersError, VirtcontainersError } from '../base/errors.js';

/** `stop`: a stop and a forced delete; `delete`: only a forced delete; `nothing`: neither. */
export type Yields = 'stop' | 'delete' | 'nothing';

interface Entry {
  readonly controller: AbortController;
  readonly yieldsTo: Yields;
  interruption: string | undefined;
}

/** Runs operations one at a time, in the order they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  readonly #entries = new Set<Entry>();

  /**
   * Runs `work` after everything queued before has settled.
   * @param work gets a signal that fires when the caller's does, or when the operation is interrupted
   */
  async run<T>(options: QueueOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { what, signal } = options;
    const entry: Entry = {
      controller: new AbortController(),
      yieldsTo: options.yieldsTo ?? 'stop',
      interruption: undefined,
    };
    const forward = (): void => entry.controller.abort(signal?.reason);
    if (signal?.aborted) throw abortError(signal, what);
    signal?.addEventListener('abort', forward, { once: true });
    this.#entries.add(entry);
    const before = this.#last;
    let done: () => void = () => {};
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#last = before.then(() => mine);
    try {
      await turn(before, entry.controller.signal, what);
      return await work(entry.controller.signal);
    } catch (error) {
      throw entry.interruption === undefined ? error : interrupted(what, entry.interruption, error);
    } finally {
      done();
      this.#entries.delete(entry);
      signal?.removeEventListener('abort', forward);
    }
  }

  /**
   * Aborts what runs and what waits, if it yields to this; what cannot end well then fails with `invalid-state`.
   * @param reason why, as in `the pod is being deleted`
   */
  interrupt(by: 'stop' | 'delete', reason: string): void {
    for (const entry of this.#entries) {
      const yields = entry.yieldsTo === 'stop' || entry.yieldsTo === by;
      if (!yields || entry.controller.signal.aborted) continue;
      entry.interruption = reason;
      entry.controller.abort(new VirtcontainersError('invalid-state', reason));
    }
  }
}

// Nobody who called it has aborted it, so an AbortError would mislead.
function interrupted(what: string, reason: string, error: unknown): unknown {
  if (!isVirtcontainersError(error) || error.code !== 'cancelled') return error;
  return new VirtcontainersError('invalid-state', `${what}: ${reason}`, { details: error.details });
}

export interface QueueOptions {
  /** The beginning of an abort's message: `cannot <verb> <noun> <id>`. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** What interrupts it. Default `stop`. */
  readonly yieldsTo?: Yields;
}

function turn(before: Promise<unknown>, signal: AbortSignal, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(abortError(signal, what));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    before.then(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}
