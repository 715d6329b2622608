// How a refused value is shown in a message: escaped and cut, and of what may hold secrets only the kind.
import { inspect } from 'node:util';

const longest = 120;

/** A value as one short line of printable characters; of objects and lists, which may hold anything, the kind. */
export function showValue(value: unknown): string {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    return kindOf(value);
  }
  const text = inspect(value, { maxStringLength: 80 });
  const safe = text.replace(
    /[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return safe.length <= longest ? safe : `${safe.slice(0, longest)}…`;
}

/** What sort of value it is, and nothing of what it holds. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return 'text';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
