// The numbers of `-m` and `--cpus`, in docker's notation and ours.
import { VirtcontainersError } from '../../../base/errors.js';
import type { Size } from '../../../model/options.js';

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
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot use memory ${JSON.stringify(text)}: it must be a size above 0`,
    { hint: 'write for example 512m, 512MiB or 1.5g' },
  );
}

/**
 * `2`, `1.5`, `.5`: a number of processors.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toCpus(text: string): number {
  const cpus = /^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(cpus) && cpus > 0) return cpus;
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot use cpus ${JSON.stringify(text)}: it must be a number above 0`,
    { hint: 'write for example 2 or 1.5' },
  );
}
