// Templates as docker's --format takes them: the part of Go's that lists need. No template can do more than read.
import { VirtcontainersError } from '../../../base/errors.js';

/** What a template can name. */
export type Fields = Readonly<Record<string, unknown>>;

type Part = (fields: Fields) => string;

/**
 * Reads `{{.Name}}`, `{{.State.Status}}`, `{{json .}}`, `{{upper .Name}}`, `{{index .Labels "x"}}`, `{{.Label "x"}}`; `\t` and `\n` outside
 * are a tab and a line's end.
 * @param names what a template may begin with, another name is refused; null: anything, and what is not there is `<no value>`
 * @throws VirtcontainersError `invalid-argument`
 */
export function parseTemplate(
  text: string,
  names: readonly string[] | null,
): (fields: Fields) => string {
  const parts: Part[] = [];
  let rest = text;
  for (;;) {
    const begin = rest.indexOf('{{');
    const plain = unescaped(begin < 0 ? rest : rest.slice(0, begin));
    parts.push(() => plain);
    if (begin < 0) break;
    const end = rest.indexOf('}}', begin);
    if (end < 0) throw refusal(text, 'it has no }} behind its {{');
    parts.push(parseAction(text, rest.slice(begin + 2, end), names));
    rest = rest.slice(end + 2);
  }
  return (fields) => parts.map((part) => part(fields)).join('');
}

const functions: Readonly<Record<string, (value: unknown) => string>> = {
  json: (value) => JSON.stringify(value) ?? 'null',
  upper: (value) => toText(value).toUpperCase(),
  lower: (value) => toText(value).toLowerCase(),
  println: (value) => `${toText(value)}\n`,
  len: (value) => String(lengthOf(value)),
};

function parseAction(template: string, action: string, names: readonly string[] | null): Part {
  const words = action.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? [];
  const [first = '', second, third] = words;
  const path = (word: string | undefined): ((fields: Fields) => unknown) => {
    if (word === undefined || !/^\.(?:\w+(?:\.\w+)*)?$/.test(word)) {
      throw refusal(template, `{{${action}}} is not understood`);
    }
    const keys = word === '.' ? [] : word.slice(1).split('.');
    const [top] = keys;
    if (top !== undefined && names !== null && !names.includes(top)) {
      throw refusal(template, `there is no .${top}`, `it may have .${names.join(', .')}`);
    }
    return (fields) => keys.reduce<unknown>(member, fields);
  };
  if (first === 'index' && words.length === 3 && third !== undefined) {
    const [object, key] = [path(second), unquoted(third)];
    return (fields) => toText(member(object(fields), key));
  }
  // docker's way to a label in lists, where .Labels is a text.
  if (first === '.Label' && words.length === 2 && second !== undefined) {
    const key = unquoted(second);
    return ({ LabelsObject }) => toText(member(LabelsObject, key) ?? '');
  }
  if (words.length === 1) {
    const value = path(first);
    return (fields) => toText(value(fields));
  }
  const apply = Object.hasOwn(functions, first) ? functions[first] : undefined;
  if (apply === undefined || words.length !== 2) {
    throw refusal(
      template,
      `{{${action}}} is not understood`,
      'write for example {{.ID}}, {{json .}}, {{upper .ID}} or {{index .Labels "name"}}',
    );
  }
  const value = path(second);
  return (fields) => apply(value(fields));
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? (value as Fields)[key] : undefined;
}

/** As Go prints values. */
function toText(value: unknown): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(toText).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, entry]) => `${key}:${toText(entry)}`).join(' ')}]`;
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function unescaped(text: string): string {
  return text.replace(/\\t/g, '\t').replace(/\\n/g, '\n');
}

function unquoted(word: string): string {
  return /^".*"$/s.test(word) ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word;
}

function refusal(template: string, reason: string, hint?: string): VirtcontainersError {
  return new VirtcontainersError(
    'invalid-argument',
    `cannot use --format ${JSON.stringify(template)}: ${reason}`,
    hint === undefined ? {} : { hint },
  );
}
