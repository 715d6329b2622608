// How far a guest's clock is from the host's.
import { guestClockErrorMs } from '../../src/model/limits.js';
import type { Container } from '../../src/model/pod.js';

/** Python that answers each line with the time; in a container with `stdin`. */
export const clockProgram = `
import sys, time
for line in sys.stdin: print(time.time(), flush=True)`;

/**
 * How far a guest's clock may be off after a call that has set it. Where that took so long that it was given up, the host is too
 * busy, and the clock is as late as the call was slow.
 */
export function clockBoundMs(tookMs: number): number {
  return tookMs < givenUpMs ? guestClockErrorMs : tookMs;
}

const givenUpMs = 1_500;
const attempts = 10;

/**
 * The error of the clock that a container sees which runs `clockProgram`, as its quickest answer tells it: what lies between
 * the moments when it was asked and when it has answered is no error.
 */
export async function clockErrorMs(
  container: Container,
  lines: AsyncIterator<string>,
): Promise<{ readonly errorMs: number; readonly roundTripMs: number }> {
  let [errorMs, roundTripMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let attempt = 0; attempt < attempts; attempt++) {
    const asked = Date.now();
    container.stdin.write('\n');
    const { value } = await lines.next();
    const answered = Date.now();
    if (answered - asked >= roundTripMs) continue;
    roundTripMs = answered - asked;
    const guestMs = Number(value) * 1000;
    errorMs = Math.max(0, asked - guestMs, guestMs - answered);
  }
  return { errorMs, roundTripMs };
}
