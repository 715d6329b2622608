// Waiting a bounded while for something whose outcome does not matter.
import { abortCleanupMs } from '../model/limits.js';

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
