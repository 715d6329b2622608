// Writes a run down: a table for the terminal, a page of Markdown for docs/.
import { type Part, type Row, statistics, type Unit } from './figures.js';
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

/** A row's parts as bars of text, where it has some. */
function partLines({ name, unit, parts = [] }: Row): readonly string[] {
  if (parts.length === 0) return [];
  return ['', `## ${name}: what it is made of`, '', '```', ...bars(parts, unit), '```'];
}

const barWidth = 40;

function bars(parts: readonly Part[], unit: Unit): readonly string[] {
  const most = Math.max(...parts.map(({ value }) => value), 1e-9);
  const nameWidth = Math.max(...parts.map(({ name }) => name.length));
  return parts.map(({ name, value }) => {
    const bar = '█'.repeat(Math.max(0, Math.round((value / most) * barWidth)));
    return `${name.padEnd(nameWidth)}  ${figure(value, unit).padStart(6)} ${unit}  ${bar}`.trimEnd();
  });
}
