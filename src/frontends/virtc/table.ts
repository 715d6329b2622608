// Tables as docker prints them: a head in upper case, columns as wide as their widest cell, three spaces between.
import { printable } from '../../base/untrusted-text.js';

/** Longest cell, in characters: what is shown may come from anywhere. */
const maxCellLength = 4096;
const gap = '   ';

/** The rows as text, the head first; control characters escaped. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => printable(cell, maxCellLength)));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(gap)
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
