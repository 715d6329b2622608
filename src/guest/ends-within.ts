// Waits until nothing of a group of processes is left: the kernel tells it by a file only.
import { sleep } from '../base/deadline.js';
import type { ProcessGroup } from './doors.js';

/** Longest pause between two looks, in milliseconds. */
const longestPauseMs = 50;

/**
 * Whether all processes of a group have ended within `ms`, or had already.
 * @param signal gives up: nobody waits for the answer any more
 */
export async function endsWithin(
  group: Pick<ProcessGroup, 'hasAny'>,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (let pauseMs = 1; group.hasAny(); pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(pauseMs, leftMs), signal);
  }
  return true;
}
