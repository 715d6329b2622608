// What `--format json` prints on standard error: one JSON object a line, of printable characters.
import { isVirtcontainersError, reasonOf } from '../../base/errors.js';

/** What acts on terminals, or on what reads lines, beside the controls that JSON escapes. */
const unsafe = /[\u007f-\u009f\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

/** An object as a line. */
export function toJsonLine(object: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(plainData(object)).replace(unsafe, escaped)}\n`;
}

/** An error as an event: what `describeError` tells, for programs. */
export function toErrorEvent(error: unknown, exitCode: number): Readonly<Record<string, unknown>> {
  const known = isVirtcontainersError(error);
  return {
    event: 'error',
    code: known ? error.code : 'internal',
    message: reasonOf(error),
    hint: known ? (error.hint ?? null) : null,
    exitCode,
    details: known ? error.details : {},
  };
}

function escaped(characters: string): string {
  return Array.from({ length: characters.length }, (_, index) => characters.charCodeAt(index))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}

const maxDepth = 8;

/** Whatever errors carry in their details as JSON can say it. */
function plainData(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return value.message;
  if (typeof value !== 'object' || value === null) return value;
  // A circle ends here too.
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) return value.map((entry) => plainData(entry, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, plainData(entry, depth + 1)]),
  );
}
