// Where in a TOML document a key stands, for messages: the parser tells it only of what it cannot read.

/** From 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A statement of more lines is not looked into: each further line costs another try. */
const maxStatementLines = 100;

type Parse = (text: string) => Readonly<Record<string, unknown>>;

interface Statement {
  readonly text: string;
  readonly line: number;
  readonly defines: Readonly<Record<string, unknown>>;
}

/**
 * The position of a key or table, or else of what holds it; null where it is not found.
 * @param text a document that `parse` takes as a whole
 */
export function positionOf(
  text: string,
  keyPath: readonly string[],
  parse: Parse,
): Position | null {
  let table: readonly string[] = [];
  let best: { readonly position: Position; readonly depth: number } | null = null;
  for (const statement of statementsOf(text, parse)) {
    const isHeader = statement.text.trimStart().startsWith('[');
    if (isHeader) table = chainOf(statement.defines);
    const defined = isHeader ? [table] : pathsIn(statement.defines, table);
    const depth = Math.max(0, ...defined.map((candidate) => sharedDepth(candidate, keyPath)));
    if (depth > (best?.depth ?? 0))
      best = { depth, position: within(statement, keyPath[depth - 1]) };
  }
  return best?.position ?? null;
}

/** The document's statements, up to one that is too long: a value can go over many lines, and then only all of them can be read. */
function* statementsOf(text: string, parse: Parse): Generator<Statement> {
  const lines = text.split(/\r?\n/);
  for (let first = 0; first < lines.length; ) {
    if (/^\s*(#|$)/.test(lines[first] ?? '')) {
      first += 1;
      continue;
    }
    const found = statementAt(lines, first, parse);
    if (found === null) return;
    yield found.statement;
    first = found.end;
  }
}

function statementAt(
  lines: readonly string[],
  first: number,
  parse: Parse,
): { readonly statement: Statement; readonly end: number } | null {
  const last = Math.min(lines.length, first + maxStatementLines);
  for (let end = first + 1; end <= last; end += 1) {
    const text = lines.slice(first, end).join('\n');
    const defines = attempt(text, parse);
    if (defines !== null) return { statement: { text, line: first + 1, defines }, end };
  }
  return null;
}

function attempt(text: string, parse: Parse): Readonly<Record<string, unknown>> | null {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

/** Of `[a.b]` or `[[a.b]]`: a, b. */
function chainOf(defines: unknown): readonly string[] {
  const inner = Array.isArray(defines) ? defines[0] : defines;
  const [entry] = typeof inner === 'object' && inner !== null ? Object.entries(inner) : [];
  return entry === undefined ? [] : [entry[0], ...chainOf(entry[1])];
}

/** Every key and table that is defined, with the tables around it. */
function pathsIn(defines: unknown, around: readonly string[]): readonly (readonly string[])[] {
  if (typeof defines !== 'object' || defines === null || Array.isArray(defines)) return [];
  return Object.entries(defines).flatMap(([name, value]) => {
    const own = [...around, name];
    return [own, ...pathsIn(value, own)];
  });
}

/** How far it leads to the key: all of `candidate` must. */
function sharedDepth(candidate: readonly string[], keyPath: readonly string[]): number {
  const leads = candidate.every((name, index) => name === keyPath[index]);
  return leads ? candidate.length : 0;
}

function within(statement: Statement, name: string | undefined): Position {
  const at = Math.max(statement.text.indexOf(name ?? ''), statement.text.search(/\S/));
  const before = statement.text.slice(0, at).split('\n');
  return { line: statement.line + before.length - 1, column: (before.at(-1)?.length ?? 0) + 1 };
}
