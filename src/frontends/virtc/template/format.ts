// Templates as rows of a table, as docker lists what it has.
import type { TemplateInfo } from '../../../model/template.js';
import { formatTable } from '../table.js';

/** How much of an id is shown: docker's. */
const shortLength = 12;

const head = ['ID', 'CREATED', 'LAST USED', 'SIZE', 'GUEST IMAGE', 'QEMU', 'ACCEL', 'STATE'];

export interface TableOptions {
  readonly nowMs: number;
  /** Whether ids are cut to what tells them apart. */
  readonly short: boolean;
}

/** The table as text, its head first. */
export function toTable(templates: readonly TemplateInfo[], options: TableOptions): string {
  const rows = templates.map((template) => toRow(template, options));
  return formatTable(
    head,
    rows.map((row) => row.map((cell) => (cell === '' ? '-' : cell))),
  );
}

/** An id as it is shown. */
export function toId(id: string, short: boolean): string {
  return short ? id.slice(0, shortLength) : id;
}

function toRow(template: TemplateInfo, { nowMs, short }: TableOptions): readonly string[] {
  const { id, createdAt, lastUsedAt, sizeBytes, guestImage, qemuVersion, accelerator } = template;
  return [
    toId(id, short),
    createdAt === null ? '' : toAgo(createdAt, nowMs),
    toAgo(lastUsedAt, nowMs),
    toSizeText(sizeBytes),
    toId(guestImage ?? '', short),
    qemuVersion ?? '',
    accelerator ?? '',
    toState(template, short),
  ];
}

/** `current`: pods are cloned from it now; `other`: with another guest image, QEMU or configuration they were. */
function toState({ problem, current }: TemplateInfo, short: boolean): string {
  if (problem !== null) return short ? 'damaged' : `damaged: ${problem}`;
  return current ? 'current' : 'other';
}

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `139.2MiB`: four digits, in the unit that leaves the fewest. */
export function toSizeText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10);
  const index = Math.min(power, binaryUnits.length - 1);
  return `${Number((bytes / 1024 ** index).toPrecision(4))}${binaryUnits[index]}`;
}

// A unit is used from two of it on, but the smallest: `90 seconds` says more than `1 minute`.
const timeUnits = [
  [365 * 86_400, 'years'],
  [30 * 86_400, 'months'],
  [7 * 86_400, 'weeks'],
  [86_400, 'days'],
  [3600, 'hours'],
  [60, 'minutes'],
  [1, 'seconds'],
] as const;

/** `3 hours ago`; empty where it is no time. */
export function toAgo(time: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(time)) / 1000;
  if (Number.isNaN(seconds)) return '';
  const unit = timeUnits.find(([length]) => seconds >= 2 * length);
  return unit === undefined ? 'just now' : `${Math.floor(seconds / unit[0])} ${unit[1]} ago`;
}
