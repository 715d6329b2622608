// The numbers of `-m`, `--cpus` and `--timeout`, in docker's notation and ours.

import { maxPidsLimit } from '../../../model/limits.js';
import type { Size } from '../../../model/options.js';
import { maxDurationMs } from '../../../model/parse-duration.js';
import { badFlag } from '../flag-values.js';
import { toBytes, toMs } from '../quantities.js';

/**
 * `536870912`, `512m`, `512MB`, `512MiB`, `1.5g`: an amount of memory, whole bytes.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toMemory(text: string): Size {
  return `${toBytes('--memory', text)}B`;
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

/**
 * `30s`, `1.5m`, `1h30m`: a time limit in whole milliseconds.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toTimeoutMs(text: string): number {
  return toMs('--timeout', text, {
    leastMs: 1,
    mostMs: maxDurationMs,
    rule: 'above 0 and up to 24 days',
  });
}
