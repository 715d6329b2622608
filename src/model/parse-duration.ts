// Durations as programs write them: a number in the option's unit, or text such as `30s`.

const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Longest duration, in milliseconds: timers hold no more than 31 bits. */
export const maxDurationMs = 2 ** 31 - 1;

/** What a duration looks like, for messages. */
export const durationRule =
  "must be a number of milliseconds or text such as '30s' (ms, s, m, h), from 0 to 24 days";

/**
 * The duration in milliseconds, rounded up to a whole one; undefined if it is none. A bare number counts milliseconds.
 * @param mostMs longer ones are none; more than the default only for what no timer waits for
 */
export function parseDuration(value: unknown, mostMs = maxDurationMs): number | undefined {
  if (typeof value === 'number') return whole(value, mostMs);
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h)$/.exec(value);
  const factor = factors[match?.[2] ?? ''];
  return factor === undefined ? undefined : whole(Number(match?.[1]) * factor, mostMs);
}

function whole(ms: number, mostMs: number): number | undefined {
  const up = Math.ceil(ms);
  return up >= 0 && up <= mostMs ? up : undefined;
}
