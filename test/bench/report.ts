// Writes a run down: a table for the terminal, a page of Markdown with charts for docs/.
import { partsChart, targetsChart } from './chart.js';
import { type Row, statistics, type Unit } from './figures.js';
import { busyWarning, type Machine } from './machine.js';
import { type Judged, judge } from './targets.js';

export interface Report {
  readonly machine: Machine;
  readonly rows: readonly Row[];
  /** Benchmarks that failed or were not reached, as sentences. */
  readonly missing: readonly string[];
  readonly tookSeconds: number;
}

const digits: Readonly<Record<Unit, number>> = { ms: 0, MiB: 1, 'MB/s': 1, descriptors: 0 };

function figure(value: number, unit: Unit): string {
  // Small times keep a digit that shows a difference.
  return value.toFixed(unit === 'ms' && Math.abs(value) < 100 ? 1 : digits[unit]);
}

/** The cells of one row: name, median, minimum, maximum, samples, unit, beyond its floor, must, aim, verdict. */
function cells({ row, target, judged, verdict }: Judged): readonly string[] {
  const { median, minimum, maximum } = statistics(row.samples);
  const of = (value: number | undefined): string =>
    value === undefined ? '' : figure(value, row.unit);
  return [
    row.name,
    ...[median, minimum, maximum].map(of),
    String(row.samples.length),
    row.unit,
    target?.over === undefined ? '' : of(judged),
    ...[of(target?.must), of(target?.aim), verdict ?? ''],
  ];
}

const heads = ['row', 'median', 'min', 'max', 'n', 'unit', 'over floor', 'must', 'aim', 'verdict'];

/** For a terminal: columns in line, names to the left and numbers to the right. */
export function toTable(rows: readonly Row[]): string {
  const lines = [heads, ...judge(rows).map(cells)];
  const widths = heads.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function toMarkdown({ machine, rows, missing, tookSeconds }: Report): string {
  const warning = busyWarning(machine);
  const table = (line: readonly string[]): string => `| ${line.join(' | ')} |`;
  return [
    '# Benchmarks',
    '',
    `Written by \`npm run bench\` on ${machine.date.slice(0, 16).replace('T', ' ')} UTC; [benchmarks.json](benchmarks.json)`,
    'has every sample. SPECIFICATION.md says what the targets mean. "Over floor" is the median beyond the floor of the same run.',
    '',
    ...machineLines(machine, tookSeconds).map((line) => `- ${line}`),
    ...(warning === null ? [] : ['', `**Beware: ${warning}.**`]),
    '',
    `![Each figure in parts of what it must be](${targetsFile})`,
    '',
    table(heads),
    table(heads.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...judge(rows).map((judged) => table(cells(judged))),
    ...(missing.length === 0 ? [] : ['', 'Not measured:', '', ...missing.map((why) => `- ${why}`)]),
    ...rows.flatMap(partLines),
    '',
    '## What the rows are',
    '',
    ...rows.flatMap(({ name, note }) => (note === undefined ? [] : [`- **${name}**: ${note}.`])),
    '',
  ].join('\n');
}

function machineLines(machine: Machine, tookSeconds: number): readonly string[] {
  const { load, busy } = machine;
  return [
    `virtcontainers ${machine.version}, commit ${machine.commit}; guest: ${machine.guest}`,
    `${machine.processors}, ${machine.memoryGiB} GiB; Linux ${machine.hostKernel}, Node ${machine.node}`,
    `QEMU ${machine.qemu}, accelerator ${machine.accelerator}`,
    `load at the start ${load.map((value) => value.toFixed(2)).join(' ')}, ${(busy * 100).toFixed(0)} % of the processors in use; the run took ${tookSeconds.toFixed(0)} s`,
  ];
}

/** The files that the page shows, beside it. */
export function charts({
  rows,
}: Report): readonly { readonly file: string; readonly svg: string }[] {
  return [
    { file: targetsFile, svg: targetsChart(rows) },
    ...rows.filter(hasParts).map((row) => ({ file: partsFile(row), svg: partsChart(row) })),
  ];
}

const targetsFile = 'benchmarks-targets.svg';

function hasParts({ parts = [] }: Row): boolean {
  return parts.length > 0;
}

function partsFile({ name }: Row): string {
  return `benchmarks-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;
}

/** A row's parts as a chart and as numbers, where it has some. */
function partLines(row: Row): readonly string[] {
  if (!hasParts(row)) return [];
  const figures = (row.parts ?? []).map(
    ({ name, value }) => `${name} ${figure(value, row.unit)} ${row.unit}`,
  );
  const title = `${row.name}: what it is made of`;
  return ['', `## ${title}`, '', `![${title}](${partsFile(row)})`, '', `${figures.join('; ')}.`];
}
