// Puts a guest's clock beside ours, from questions that it answered with its time.

/** One question, on both clocks: when it was asked and when it was answered. Milliseconds. */
export interface ClockSample {
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly guestAskedMs: number;
  readonly guestAnsweredMs: number;
}

/** How a guest's clock relates to ours. */
export interface GuestClock {
  /** Our time for a time of the guest; never earlier for a later one. */
  toHostMs(guestMs: number): number;
  /** By how much that may be off at the times of the questions. */
  readonly errorMs: number;
}

interface Point {
  readonly hostMs: number;
  readonly guestMs: number;
}

/**
 * What a question took beyond the guest's own time for it is taken to be half its way there and half its way back. Between
 * two questions the clocks may run at different speeds (an emulated one is measured by the guest's kernel: less than a
 * thousandth was seen); before the first and after the last they run alike. A clock that would then have begun before its
 * VM did (on a busy host an emulated kernel can measure its processor wrong) has run too fast, evenly as far as anybody knows.
 * @param samples at least one, in their order
 * @param beganMs when the guest's clock began at the earliest, on ours
 */
export function alignClocks(samples: readonly ClockSample[], beganMs: number): GuestClock {
  const points: Point[] = [];
  for (const sample of samples) {
    const guestMs = (sample.guestAskedMs + sample.guestAnsweredMs) / 2;
    // A clock that stands still or goes back has nothing more to tell.
    if (guestMs <= (points.at(-1)?.guestMs ?? Number.NEGATIVE_INFINITY)) continue;
    points.push({ hostMs: (sample.askedMs + sample.answeredMs) / 2, guestMs });
  }
  const tooEarlyMs = beganMs - place(points, 0);
  if (tooEarlyMs > 0) points.unshift({ hostMs: beganMs, guestMs: 0 });
  return {
    errorMs: Math.max(...samples.map(errorOf), tooEarlyMs),
    toHostMs: (guestMs) => place(points, guestMs),
  };
}

// A guest that claims to have worked for longer than the question took is not more exact for it.
function errorOf({ askedMs, answeredMs, guestAskedMs, guestAnsweredMs }: ClockSample): number {
  const tookMs = answeredMs - askedMs;
  const workedMs = guestAnsweredMs - guestAskedMs;
  return (workedMs < 0 || workedMs > tookMs ? tookMs : tookMs - workedMs) / 2;
}

function place(points: readonly Point[], guestMs: number): number {
  const after = points.findIndex((point) => point.guestMs > guestMs);
  const from = points.at(after === -1 ? -1 : Math.max(after - 1, 0));
  if (from === undefined) return guestMs;
  const to = after > 0 ? points[after] : undefined;
  const speed = to === undefined ? 1 : (to.hostMs - from.hostMs) / (to.guestMs - from.guestMs);
  return from.hostMs + (guestMs - from.guestMs) * speed;
}
