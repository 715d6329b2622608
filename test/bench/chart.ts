// Draws a run's charts as SVG: how far each promised figure is from its target, and what a figure is made of.
import { type Row, statistics } from './figures.js';
import { type Judged, judge, type Verdict } from './targets.js';

const width = 760;
const nameWidth = 330;
const valueWidth = 110;
const lineHeight = 26;
const barHeight = 14;
const room = width - nameWidth - valueWidth;
/** How much of its must a bar can show; what is beyond is cut there. */
const longestShare = 1.5;

/** A page's own colours, so that it can be read on a light and on a dark ground. */
const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.aim-met { fill: #2da44e } .must-met { fill: #bf8700 } .missed { fill: #cf222e } .part { fill: #0969da }
.range { stroke: #57606a; stroke-width: 1.5 } .mark { stroke: #57606a; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .range, .mark { stroke: #9198a1 } }
</style>`;

type Measured = Judged & Required<Pick<Judged, 'target' | 'judged' | 'verdict'>>;

/**
 * One bar for each row that has a target, in parts of its must (lines at the must and at half of it); a line through its end shows
 * minimum and maximum. Of rates, where more is better, it is must / figure.
 */
export function targetsChart(rows: readonly Row[]): string {
  const measured = judge(rows).filter(
    (one): one is Measured => one.verdict !== undefined && one.judged !== undefined,
  );
  const lines = measured.map((one, index) => targetLine(one, index));
  const marks = [0.5, 1].map((share) => {
    const x = nameWidth + (share / longestShare) * room;
    const label = share === 1 ? 'must' : `${share * 100} % of must`;
    const bottom = 30 + measured.length * lineHeight;
    return `<line class="mark" x1="${x}" y1="26" x2="${x}" y2="${bottom}"/><text x="${x}" y="18" text-anchor="middle">${label}</text>`;
  });
  const title = 'Each figure in parts of what it must be';
  return svg(title, 40 + measured.length * lineHeight, [...lines, ...marks]);
}

function targetLine({ row, target, judged, verdict }: Measured, index: number): string {
  const { median, minimum, maximum } = statistics(row.samples);
  // A figure that counts beyond its floor has the floor taken off all three.
  const floor = median - judged;
  const share = (value: number): number => {
    const part = target.rising ? target.must / (value - floor) : (value - floor) / target.must;
    return Math.min(Math.max(part, 0), longestShare) / longestShare;
  };
  const y = 34 + index * lineHeight;
  const middle = y + barHeight / 2;
  const [from, to] = [share(minimum), share(maximum)].map((part) => nameWidth + part * room);
  const kind: Record<Verdict, string> = {
    'aim met': 'aim-met',
    'must met': 'must-met',
    missed: 'missed',
  };
  return [
    `<text x="0" y="${y + 11}">${escaped(row.name)}</text>`,
    `<rect class="${kind[verdict]}" x="${nameWidth}" y="${y}" width="${round(share(median) * room)}" height="${barHeight}"/>`,
    `<line class="range" x1="${round(from ?? 0)}" y1="${middle}" x2="${round(to ?? 0)}" y2="${middle}"/>`,
    `<text x="${width}" y="${y + 11}" text-anchor="end">${escaped(`${rounded(judged)} of ${target.must} ${row.unit}`)}</text>`,
  ].join('');
}

/** A row's parts: each where the one before ended if together they make up the figure, else side by side. */
export function partsChart(row: Row): string {
  const parts = row.parts ?? [];
  const sum = parts.reduce((total, { value }) => total + value, 0);
  const { median } = statistics(row.samples);
  const isSum = Math.abs(sum - median) < 0.2 * median;
  const whole = (isSum ? sum : Math.max(...parts.map(({ value }) => value))) || 1;
  let begin = 0;
  const lines = parts.map(({ name, value }, index) => {
    const y = 8 + index * lineHeight;
    const x = nameWidth + (begin / whole) * room;
    if (isSum) begin += value;
    return [
      `<text x="0" y="${y + 11}">${escaped(name)}</text>`,
      `<rect class="part" x="${round(x)}" y="${y}" width="${round(Math.max((value / whole) * room, 1))}" height="${barHeight}"/>`,
      `<text x="${width}" y="${y + 11}" text-anchor="end">${rounded(value)} ${row.unit}</text>`,
    ].join('');
  });
  return svg(`${row.name}: what it is made of`, 12 + parts.length * lineHeight, lines);
}

function svg(title: string, height: number, lines: readonly string[]): string {
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n<title>${escaped(title)}</title>`;
  return `${[head, style, ...lines, '</svg>'].join('\n')}\n`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function rounded(value: number): string {
  return value.toFixed(Math.abs(value) < 100 ? 1 : 0);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
