// Draws a trace for a terminal: a line for each span with its time and a bar where it lies in the whole.

import type { TraceLane } from '../../../base/trace/span.js';
import type { TraceSpan } from '../../../base/trace/trace-file.js';
import { printable } from '../../../base/untrusted-text.js';
import { toWaterfallRows, type WaterfallRow } from './waterfall-rows.js';

export interface WaterfallStyle {
  /** Width of the terminal, in characters. */
  readonly columns: number;
  /** Whether blocks can be shown, or plain characters only. */
  readonly unicode: boolean;
  readonly colors: boolean;
}

const laneNames: Readonly<Record<TraceLane, string>> = {
  host: 'host',
  qemu: 'qemu',
  'guest-kernel': 'kernel',
  'guest-agent': 'agent',
};
/** Colours by the terminal's own names: cyan, magenta, yellow, green. */
const laneColors: Readonly<Record<TraceLane, number>> = {
  host: 36,
  qemu: 35,
  'guest-kernel': 33,
  'guest-agent': 32,
};
const red = 31;
const dim = 2;

const laneWidth = 7;
const timeWidth = 8;
const leastNameWidth = 12;
const mostNameWidth = 34;
const leastBarWidth = 10;

/** The whole picture, each line with its end. */
export function drawWaterfall(
  spans: readonly TraceSpan[],
  totalMs: number,
  style: WaterfallStyle,
): string {
  const { rows, leftOut } = toWaterfallRows(spans, totalMs);
  const widths = toWidths(rows, style.columns);
  const draw = (row: WaterfallRow): string => drawRow(row, { totalMs, widths, style });
  const lines = [
    headLine(spans, totalMs),
    `${'lane'.padEnd(laneWidth)}${'step'.padEnd(widths.name)}${'begin'.padStart(timeWidth)}${'ms'.padStart(timeWidth)}`,
    ...rows.map(draw),
  ];
  if (leftOut > 0) lines.push(`${leftOut} short ones are in the file only`);
  return lines.map((line) => `${line}\n`).join('');
}

function headLine(spans: readonly TraceSpan[], totalMs: number): string {
  const errors = spans.map(({ args }) => Number(args['clockErrorMs'] ?? Number.NaN));
  const known = errors.filter((error) => !Number.isNaN(error));
  const clocks =
    known.length === 0
      ? "no times from the guest's agent"
      : `the guest's times are exact to ${Math.max(...known).toFixed(1)} ms`;
  return `trace: ${totalMs.toFixed(0)} ms; ${clocks}`;
}

interface Widths {
  readonly name: number;
  readonly bar: number;
}

function toWidths(rows: readonly WaterfallRow[], columns: number): Widths {
  const longest = Math.max(...rows.map((row) => labelOf(row).length), 0) + 1;
  const fixed = laneWidth + 2 * timeWidth + 2;
  const room = Math.max(columns - fixed - leastBarWidth, leastNameWidth);
  const name = Math.max(Math.min(longest, mostNameWidth, room), leastNameWidth);
  return { name, bar: Math.max(columns - fixed - name, leastBarWidth) };
}

function labelOf({ depth, name, failed }: WaterfallRow): string {
  return `${' '.repeat(2 * depth)}${name}${failed ? ' (failed)' : ''}`;
}

interface Drawing {
  readonly totalMs: number;
  readonly widths: Widths;
  readonly style: WaterfallStyle;
}

function drawRow(row: WaterfallRow, { totalMs, widths, style }: Drawing): string {
  const { kind, lane, beginMs, endMs, failed } = row;
  const paint = (text: string, code: number): string =>
    style.colors ? `\u001b[${code}m${text}\u001b[0m` : text;
  const cut = printable(labelOf(row), widths.name - 1);
  const name = (style.unicode ? cut : cut.replace('…', '~')).padEnd(widths.name);
  const begin = beginMs.toFixed(1).padStart(timeWidth);
  const took = (kind === 'moment' ? '' : (endMs - beginMs).toFixed(1)).padStart(timeWidth);
  const bar = drawBar(row, { totalMs, width: widths.bar, unicode: style.unicode });
  const color = kind === 'gap' ? dim : failed ? red : laneColors[lane];
  const shownName = kind === 'gap' ? paint(name, dim) : failed ? paint(name, red) : name;
  return `${laneNames[lane].padEnd(laneWidth)}${shownName}${begin}${took}  ${paint(bar, color)}`.trimEnd();
}

/** Nothing is too short to be seen. */
function drawBar(
  { kind, beginMs, endMs }: WaterfallRow,
  scale: { readonly totalMs: number; readonly width: number; readonly unicode: boolean },
): string {
  const { totalMs, width, unicode } = scale;
  const perMs = totalMs > 0 ? width / totalMs : 0;
  const from = Math.min(Math.max(Math.floor(beginMs * perMs), 0), width - 1);
  const to = Math.min(Math.max(Math.round(endMs * perMs), from + 1), width);
  const characters = unicode
    ? ({ span: '█', moment: '◆', gap: '░' } as const)
    : ({ span: '#', moment: '*', gap: '.' } as const);
  const length = kind === 'moment' ? 1 : to - from;
  return `${' '.repeat(from)}${characters[kind].repeat(length)}`;
}
