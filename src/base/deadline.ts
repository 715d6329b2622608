// Waiting with a bound: deadlines and abort signals around promises.
import { abortError, VirtcontainersError } from './errors.js';

export interface WaitOptions {
  /** How long to wait at most, in milliseconds; absent means without a bound. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The beginning of the error's message: `cannot <verb> <noun> <id>`. */
  readonly what: string;
}

/**
 * Settles as `promise` does, or rejects with `timeout` or an AbortError, whichever is first.
 * It only stops waiting: ending the work behind the promise is the caller's.
 */
export async function waitFor<T>(promise: Promise<T>, options: WaitOptions): Promise<T> {
  const { timeoutMs, signal, what } = options;
  if (signal?.aborted) {
    promise.catch(() => {});
    throw abortError(signal, what);
  }
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const bound = new Promise<never>((_resolve, reject) => {
    if (timeoutMs !== undefined) {
      timer = setTimeout(
        () =>
          reject(new VirtcontainersError('timeout', `${what}: no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
    }
    if (signal !== undefined) {
      onAbort = () => reject(abortError(signal, what));
      signal.addEventListener('abort', onAbort, { once: true });
    }
  });
  try {
    return await Promise.race([promise, bound]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

/** Resolves after `ms`; rejects with an AbortError when the signal fires. @param what the beginning of its message */
export function sleep(ms: number, signal?: AbortSignal, what = 'cannot wait'): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      if (signal !== undefined) reject(abortError(signal, what));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
