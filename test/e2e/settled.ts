// What came of a promise, and that it came in time: a test of faults must not hang where the product does.
import assert from 'node:assert/strict';
import { isVirtcontainersError, type VirtcontainersError } from '../../src/base/errors.js';

/** How a promise has settled, and after how many milliseconds. */
export type Settled<T> = { readonly tookMs: number } & (
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'error'; readonly error: VirtcontainersError }
);

/**
 * Waits for a promise; fails where it has not settled in time, and where its error is none of ours: one without a name tells
 * a caller nothing.
 */
export async function settled<T>(
  what: string,
  promise: Promise<T>,
  timeoutMs: number,
): Promise<Settled<T>> {
  const begin = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  const outcome = promise.then(
    (value) => ({ kind: 'value', value }) as const,
    (error: unknown) => ({ kind: 'error', error }) as const,
  );
  const first = await Promise.race([outcome, late]);
  clearTimeout(timer);
  const tookMs = performance.now() - begin;
  assert.ok(first !== 'late', `${what} has not settled within ${timeoutMs} ms`);
  if (first.kind === 'value') return { ...first, tookMs };
  const { error } = first;
  assert.ok(
    isVirtcontainersError(error),
    `${what}: ${error instanceof Error ? error.stack : error}`,
  );
  assert.match(error.message, /^cannot .+: ./s, what);
  return { kind: 'error', error, tookMs };
}
