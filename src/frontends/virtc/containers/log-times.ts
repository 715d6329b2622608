// The times of `--since` and `--until`: docker's notation.
import { badFlag } from '../flag-values.js';
import { toMs } from '../quantities.js';

/** Durations may go back so far, in milliseconds: a thousand years. */
const mostMs = 1000 * 365.25 * 24 * 3_600_000;

/**
 * `10m`: so long ago; `1764374400` or `1764374400.5`: seconds since 1970; `2026-11-28`, `2026-11-28T22:00:00`, with or without a zone: a
 * date, without a zone in ours.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toTime(flag: string, text: string, nowMs: number): Date {
  const seconds = /^\d{1,12}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(seconds)) return new Date(seconds * 1000);
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    // A date alone would be midnight in UTC.
    const time = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00` : text);
    if (!Number.isNaN(time.getTime())) return time;
  } else if (/^\d/.test(text)) {
    const rule = 'up to a thousand years';
    return new Date(nowMs - toMs(flag, text, { leastMs: 0, mostMs, rule }));
  }
  throw badFlag(flag, text, 'it must be a time or a duration', {
    hint: 'write for example 10m, 2026-11-28T22:00:00Z or seconds since 1970',
  });
}
