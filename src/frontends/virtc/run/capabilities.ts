// What `--cap-add` and `--cap-drop` mean together: docker's rules.
import { allCapabilities, defaultCapabilities } from '../../../model/capabilities.js';
import { badFlag, didYouMean } from '../flag-values.js';

/**
 * Names with or without `CAP_`, in any case, or `ALL`. What is both added and dropped is added; `ALL` added leaves out only what
 * is dropped by name, `ALL` dropped leaves only what is added by name.
 * @returns undefined where nothing is asked
 * @throws VirtcontainersError `invalid-argument`
 */
export function toCapabilities(
  add: readonly string[],
  drop: readonly string[],
): readonly string[] | undefined {
  if (add.length === 0 && drop.length === 0) return undefined;
  const added = new Set(add.map((name) => toName('--cap-add', name)));
  const dropped = new Set(drop.map((name) => toName('--cap-drop', name)));
  const dropsAll = dropped.has('ALL');
  // Both meet in ALL, which is then added.
  if (added.has('ALL')) return allCapabilities.filter((name) => dropsAll || !dropped.has(name));
  const base = dropsAll ? [] : defaultCapabilities.filter((name) => !dropped.has(name));
  return [...new Set([...base, ...added])];
}

function toName(flag: string, given: string): string {
  const upper = given.trim().toUpperCase();
  if (upper === 'ALL') return upper;
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (allCapabilities.includes(name)) return name;
  const short = allCapabilities.map((known) => known.slice('CAP_'.length));
  throw badFlag(flag, given, 'it must be the name of a capability, or ALL', {
    ...didYouMean(
      name.slice('CAP_'.length),
      [...short, 'ALL'],
      'capabilities(7) lists them, for example NET_ADMIN',
    ),
  });
}
