// The text of a configuration file to values, strictly: what is unknown or of the wrong kind is refused where it stands.
import { VirtcontainersError } from '../base/errors.js';
import { nearest } from '../model/parse/nearest.js';
import { showValue } from '../model/parse/show-value.js';
import { allKeys, type KeyName, type Value } from './keys.js';
import { positionOf } from './positions.js';

type Values = Readonly<Partial<Record<KeyName, Value>>>;
type Parse = (text: string) => Readonly<Record<string, unknown>>;

const names = Object.keys(allKeys) as readonly KeyName[];
const tables = [...new Set(names.flatMap((name) => (name.includes('.') ? [tableOf(name)] : [])))];

/**
 * What a document says.
 * @throws VirtcontainersError `invalid-argument` naming the file, the line and the key
 */
export async function parseConfig(text: string, file: string): Promise<Values> {
  // Most hosts have no file, and pay nothing.
  const toml = await import('smol-toml');
  const parse: Parse = (piece) => toml.parse(piece, { maxDepth: 10 });
  const document = new Document(text, file, parse);
  let root: Readonly<Record<string, unknown>>;
  try {
    root = parse(text);
  } catch (error) {
    if (!(error instanceof toml.TomlError)) throw error;
    const [reason = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw document.refuse(reason, { at: error });
  }
  const values: Partial<Record<KeyName, Value>> = {};
  for (const [name, value] of Object.entries(root)) {
    if (!tables.includes(name)) {
      values[document.key([name], value)] = document.value([name], value);
      continue;
    }
    if (!isTable(value)) {
      throw document.refuse(`\`${name}\` must be a table, not ${showValue(value)}`, {
        key: [name],
      });
    }
    for (const [inner, innerValue] of Object.entries(value)) {
      values[document.key([name, inner], innerValue)] = document.value([name, inner], innerValue);
    }
  }
  return values;
}

class Document {
  readonly #text: string;
  readonly #file: string;
  readonly #parse: Parse;

  constructor(text: string, file: string, parse: Parse) {
    this.#text = text;
    this.#file = file;
    this.#parse = parse;
  }

  /** The known key of this path. */
  key(keyPath: readonly string[], value: unknown): KeyName {
    const known = names.find(
      (name) => name === keyPath.join('.') && name.split('.').length === keyPath.length,
    );
    if (known !== undefined) return known;
    const shown = showValue(keyPath.at(-1)).slice(1, -1);
    const where = keyPath.length === 1 ? '' : ` in [${keyPath[0]}]`;
    const meant = suggestion(keyPath);
    const what = keyPath.length === 1 && isTable(value) ? `table [${shown}]` : `key \`${shown}\``;
    throw this.refuse(`unknown ${what}${where}`, {
      key: keyPath,
      ...(meant === undefined ? {} : { hint: `did you mean ${meant}?` }),
    });
  }

  value(keyPath: readonly string[], value: unknown): Value {
    const name = this.key(keyPath, value);
    const { accept, rule } = allKeys[name];
    if (accept(value)) return value;
    throw this.refuse(`key \`${name}\` ${rule}, not ${shownValue(value)}`, { key: keyPath });
  }

  refuse(
    reason: string,
    options: {
      readonly key?: readonly string[];
      readonly at?: { readonly line: number; readonly column: number };
      readonly hint?: string;
    },
  ): VirtcontainersError {
    const { key, hint } = options;
    const at = options.at ?? (key && positionOf(this.#text, key, this.#parse));
    const where = at ? ` line ${at.line}, column ${at.column}:` : '';
    return new VirtcontainersError(
      'invalid-argument',
      `cannot use configuration file ${JSON.stringify(this.#file)}:${where} ${reason}`,
      {
        ...(hint === undefined ? {} : { hint }),
        details: {
          path: this.#file,
          ...(at ? { line: at.line, column: at.column } : {}),
          ...(key === undefined ? {} : { key: key.join('.') }),
        },
      },
    );
  }
}

/** The key that was most likely meant: one of the same table, else one of that name elsewhere. */
function suggestion(keyPath: readonly string[]): string | undefined {
  const name = keyPath.at(-1) ?? '';
  const table = keyPath.length === 1 ? '' : keyPath[0];
  const elsewhere = names.find((known) => leafOf(known) === name);
  if (elsewhere !== undefined) {
    const place = tableOf(elsewhere);
    return place === '' ? `\`${name}\` before the first table` : `\`${name}\` in [${place}]`;
  }
  const siblings = names.filter((known) => tableOf(known) === table).map(leafOf);
  const meant = nearest(name, table === '' ? [...siblings, ...tables] : siblings);
  if (meant === undefined) return undefined;
  return table === '' && tables.includes(meant) ? `the table [${meant}]` : `\`${meant}\``;
}

function tableOf(name: string): string {
  return name.includes('.') ? name.slice(0, name.indexOf('.')) : '';
}

function leafOf(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

function shownValue(value: unknown): string {
  if (value instanceof Date) return 'a date';
  return isTable(value) ? 'a table' : showValue(value);
}
