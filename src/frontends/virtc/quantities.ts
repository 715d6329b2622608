// Sizes and durations as flags have them: docker's notation and ours.
import { badFlag } from './flag-values.js';

// As docker reads them: every unit is a power of 1024, `b` or nothing is bytes.
const powers: Readonly<Record<string, number>> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4 };
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * `536870912`, `512m`, `512MB`, `512MiB`, `1.5g`: whole bytes, above 0.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toBytes(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([bkmgt]?)(?:(?<=[kmgt])i?b)?$/i.exec(text);
  const bytes = Math.floor(
    Number(match?.[1] ?? Number.NaN) * 1024 ** (powers[match?.[2]?.toLowerCase() ?? ''] ?? 0),
  );
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw badFlag(flag, text, 'it must be a size above 0', {
    hint: 'write for example 512m, 512MiB or 1.5g',
  });
}

/** What a duration may be, and how that is said: `above 0 and up to 24 days`. */
export interface DurationBounds {
  readonly leastMs: number;
  readonly mostMs: number;
  readonly rule: string;
}

/**
 * `30s`, `1.5m`, `1h30m`: whole milliseconds.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toMs(flag: string, text: string, bounds: DurationBounds): number {
  const isWhole = /^(?:\d{1,15}(?:\.\d{1,9})?(?:ms|s|m|h))+$/.test(text);
  const parts = isWhole ? [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)] : [];
  const ms = Math.ceil(
    parts.reduce((sum, [, number, unit]) => sum + Number(number) * (unitMs[unit ?? ''] ?? 0), 0),
  );
  if (isWhole && ms >= bounds.leastMs && ms <= bounds.mostMs) return ms;
  throw badFlag(flag, text, `it must be a duration ${bounds.rule}`, {
    hint: /^\d+$/.test(text)
      ? `with its unit, for example ${text}s`
      : 'write for example 500ms, 30s or 1h30m',
  });
}
