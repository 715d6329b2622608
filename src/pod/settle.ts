// Waiting a bounded while for something whose outcome does not matter.
import { abortCleanupMs } from '../model/limits.js';

/** Whether the promise settles within `ms`; never rejects. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let isSettled = false;
  const settled = promise
    .catch(() => {})
    .then(() => {
      isSettled = true;
    });
  await settleBriefly(settled, ms);
  return isSettled;
}

/** Resolves when the promise settles, or after `timeoutMs`; never rejects. */
export async function settleBriefly(
  promise: Promise<unknown> | undefined,
  timeoutMs = abortCleanupMs,
): Promise<void> {
  if (promise === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([promise.catch(() => {}), bound]);
  clearTimeout(timer);
}
