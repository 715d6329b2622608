// What a benchmark gives: rows of samples, and what is computed from them.

/** The unit of a row's samples. */
export type Unit = 'ms' | 'MiB' | 'MB/s' | 'descriptors';

/** One figure: measured several times, or once where it says so. */
export interface Row {
  readonly name: string;
  readonly unit: Unit;
  readonly samples: readonly number[];
  /** What exactly is measured, where the name leaves it open. */
  readonly note?: string;
  /** What it is made of: medians by name. */
  readonly parts?: readonly Part[];
}

export interface Part {
  readonly name: string;
  readonly value: number;
}

export interface Statistics {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** @throws Error for no samples: a figure that was not measured is never a number */
export function statistics(samples: readonly number[]): Statistics {
  const sorted = [...samples].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  const [minimum, maximum] = [sorted[0], sorted.at(-1)];
  if (upper === undefined || lower === undefined || minimum === undefined || maximum === undefined)
    throw new Error('cannot compute statistics: there are no samples');
  return { median: (lower + upper) / 2, minimum, maximum };
}

/** Medians of parts by their names, in the order of their first appearance. */
export function medianParts(samples: readonly (readonly Part[])[]): readonly Part[] {
  const byName = new Map<string, number[]>();
  for (const { name, value } of samples.flat()) {
    byName.set(name, [...(byName.get(name) ?? []), value]);
  }
  return [...byName].map(([name, values]) => ({ name, value: statistics(values).median }));
}
