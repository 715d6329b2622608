// `virtc ps`: the containers, as docker lists them, from the records alone.
import { printable } from '../../../base/untrusted-text.js';
import type { PodListEntry } from '../../../model/pod.js';
import { badFlag } from '../flag-values.js';
import { rowPrinter } from '../listing/print-rows.js';
import type { CommonFlags } from '../settings.js';
import { parseFilters } from './filters.js';
import { containersOf } from './find.js';
import type { ListContext } from './list-context.js';
import { containerListing, dockerState, toRow } from './rows.js';

export interface PsFlags extends CommonFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly latest?: boolean;
  readonly last?: string;
  readonly filter?: readonly string[];
  /** Of `--no-trunc`. */
  readonly trunc?: boolean;
  readonly pod?: boolean;
}

/** Resolves with the exit code; pods whose record is damaged are told on standard error. */
export async function ps(
  flags: PsFlags,
  { runtime, streams }: ListContext,
  nowMs = Date.now(),
): Promise<number> {
  const filters = parseFilters(flags.filter ?? []);
  const last = flags.latest === true ? 1 : toCount(flags.last);
  const print = rowPrinter(flags.format, listing(flags));
  const pods = await runtime.listPods();
  const keeps = filters.keeps(pods);
  const shows = flags.all === true || last !== null || filters.wantsAll;
  const found = containersOf(pods)
    .filter((one) => shows || ['running', 'paused'].includes(dockerState(one)))
    .filter(keeps)
    .slice(0, last ?? undefined);
  if (flags.quiet === true) {
    for (const { container } of found) streams.stdout.write(`${container.id}\n`);
  } else {
    const short = flags.trunc !== false;
    streams.stdout.write(print(found.map((one) => toRow(one, { nowMs, short }))));
  }
  tellDamaged(pods, streams.stderr);
  return 0;
}

/** Says which pods cannot be shown. */
export function tellDamaged(
  pods: readonly PodListEntry[],
  stderr: { write(text: string): unknown },
): void {
  for (const pod of pods) {
    if (!('error' in pod)) continue;
    stderr.write(`${printable(`virtc: cannot show pod ${pod.id}: ${pod.error}`, 4096)}\n`);
    stderr.write(`hint: virtc pod rm --force ${printable(pod.id, 200)} removes it\n`);
  }
}

/** docker's columns, with the pod's before the names where it is asked for, as podman does. */
function listing(flags: PsFlags): typeof containerListing {
  if (flags.pod !== true) return containerListing;
  const columns = [...containerListing.columns];
  columns.splice(-1, 0, ['POD', 'Pod']);
  return { ...containerListing, columns };
}

/** docker's -1 is all of them. */
function toCount(text: string | undefined): number | null {
  if (text === undefined || text === '-1') return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badFlag('--last', text, 'it must be a whole number, or -1 for all');
}
