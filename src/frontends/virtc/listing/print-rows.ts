// What a list prints: a table, ids, JSON, or what a template says of each row.
import { printable } from '../../../base/untrusted-text.js';
import { formatTable } from '../table.js';
import { type Fields, parseTemplate } from './go-template.js';

export interface Listing {
  /** The columns of the table that nothing else was asked for: head and field. */
  readonly columns: readonly (readonly [head: string, field: string])[];
  /** Heads of other fields, for a table of one's own; else the field's name in upper case. */
  readonly heads?: Readonly<Record<string, string>>;
  /** What a template can name. */
  readonly names: readonly string[];
}

/** Longest line of a template, in characters. */
const maxLineLength = 64 * 1024;

/**
 * How rows are printed: `table`, `table TEMPLATE`, `json` (one array), `jsonl` (an object a line), or a template.
 * @throws VirtcontainersError `invalid-argument` before anything is asked of anybody
 */
export function rowPrinter(
  format: string | undefined,
  { columns, heads = {}, names }: Listing,
): (rows: readonly Fields[]) => string {
  if (format === 'json') return (rows) => `${JSON.stringify(rows.map(shown), null, 2)}\n`;
  if (format === 'jsonl') {
    return (rows) => rows.map((row) => `${JSON.stringify(shown(row))}\n`).join('');
  }
  if (format === undefined || format === '' || format === 'table' || format === 'text') {
    return (rows) =>
      formatTable(
        columns.map(([head]) => head),
        rows.map((row) => columns.map(([, field]) => String(row[field] ?? ''))),
      );
  }
  if (format.startsWith('table ')) {
    const cells = format.slice('table '.length).split(/\\t|\t/);
    const templates = cells.map((cell) => parseTemplate(cell, names));
    const head = cells.map((cell) => headOf(cell, { columns, heads }));
    return (rows) =>
      formatTable(
        head,
        rows.map((row) => templates.map((template) => template(row))),
      );
  }
  const template = parseTemplate(format, names);
  return (rows) => rows.map((row) => `${printableLines(template(row))}\n`).join('');
}

/** The head of a cell of one's own table. */
function headOf(cell: string, { columns, heads }: Pick<Listing, 'columns' | 'heads'>): string {
  return cell.replace(/\{\{[^}]*?\.(\w+)?[^}]*\}\}/g, (_, name: string = '') => {
    const [known] = columns.find(([, field]) => field === name) ?? [];
    return known ?? heads?.[name] ?? name.toUpperCase();
  });
}

/** Without what only templates use. */
function shown(row: Fields): Fields {
  const { LabelsObject: _, ...rest } = row;
  return rest;
}

/** Line ends and tabs of a template stay. */
function printableLines(text: string): string {
  return text
    .split(/([\n\t])/)
    .map((part) => (part === '\n' || part === '\t' ? part : printable(part, maxLineLength)))
    .join('');
}
