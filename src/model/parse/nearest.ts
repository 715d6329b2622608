// Finds the name that somebody most likely meant.

/** The candidate nearest to `name`, or undefined if none is near: equal but for case, one begins the other, or few letters differ. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = name.toLowerCase().slice(0, 64);
  const begins = candidates.filter((candidate) => {
    const lower = candidate.toLowerCase();
    return wanted.length >= 3 && (lower.startsWith(wanted) || wanted.startsWith(lower));
  });
  const pool = begins.length > 0 ? begins : candidates;
  const ranked = pool
    .map((candidate) => ({ candidate, distance: distance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best === undefined) return undefined;
  const near = wanted.length > 3 ? Math.max(2, Math.floor(wanted.length / 3)) : 1;
  return begins.length > 0 || best.distance <= near ? best.candidate : undefined;
}

// Levenshtein's distance, one row at a time, where two letters that have changed places are one mistake.
function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
