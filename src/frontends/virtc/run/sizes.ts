// The numbers of `-m`, `--cpus` and `--timeout`, in docker's notation and ours.

import { maxPidsLimit } from '../../../model/limits.js';
import type { Size } from '../../../model/options.js';
import { maxDurationMs } from '../../../model/parse-duration.js';
import { badFlag } from '../flag-values.js';

// As docker reads them: every unit is a power of 1024, `b` or nothing is bytes.
const powers: Readonly<Record<string, number>> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4 };

/**
 * `536870912`, `512m`, `512MB`, `512MiB`, `1.5g`: an amount of memory, whole bytes.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toMemory(text: string): Size {
  const match = /^(\d+(?:\.\d+)?) ?([bkmgt]?)(?:(?<=[kmgt])i?b)?$/i.exec(text);
  const bytes = Math.floor(
    Number(match?.[1] ?? Number.NaN) * 1024 ** (powers[match?.[2]?.toLowerCase() ?? ''] ?? 0),
  );
  if (Number.isSafeInteger(bytes) && bytes > 0) return `${bytes}B`;
  throw badFlag('--memory', text, 'it must be a size above 0', {
    hint: 'write for example 512m, 512MiB or 1.5g',
  });
}

/**
 * `2`, `1.5`, `.5`: a number of processors.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toCpus(text: string): number {
  const cpus = /^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(cpus) && cpus > 0) return cpus;
  throw badFlag('--cpus', text, 'it must be a number above 0', {
    hint: 'write for example 2 or 1.5',
  });
}

/**
 * `100`, or docker's `-1` and `0` for no limit but the kernel's: a number of processes and threads.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toPidsLimit(text: string): number {
  const limit = /^(-1|\d{1,9})$/.test(text) ? Number(text) : Number.NaN;
  if (limit === -1 || limit === 0) return maxPidsLimit;
  if (limit <= maxPidsLimit) return limit;
  throw badFlag('--pids-limit', text, `it must be a whole number up to ${maxPidsLimit}`, {
    hint: 'write for example 100, or -1 for no limit',
  });
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * `30s`, `1.5m`, `1h30m`: a time limit in whole milliseconds.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toTimeoutMs(text: string): number {
  const isWhole = /^(?:\d{1,15}(?:\.\d{1,9})?(?:ms|s|m|h))+$/.test(text);
  const parts = isWhole ? [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)] : [];
  const ms = Math.ceil(
    parts.reduce((sum, [, number, unit]) => sum + Number(number) * (unitMs[unit ?? ''] ?? 0), 0),
  );
  if (ms > 0 && ms <= maxDurationMs) return ms;
  throw badFlag('--timeout', text, 'it must be a duration above 0 and up to 24 days', {
    hint: /^\d+$/.test(text)
      ? `with its unit, for example ${text}s`
      : 'write for example 500ms, 30s or 1h30m',
  });
}
