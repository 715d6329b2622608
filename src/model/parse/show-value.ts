// How a refused value is shown in a message: escaped and cut, whatever it is.
import { inspect } from 'node:util';

const longest = 120;

/** A value as one short line of printable characters. */
export function showValue(value: unknown): string {
  const text = inspect(value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    compact: true,
    customInspect: false,
    maxArrayLength: 8,
    maxStringLength: 80,
  });
  // Keys of objects and odd classes can still hold what a terminal would act on.
  const safe = text.replace(
    /[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return safe.length <= longest ? safe : `${safe.slice(0, longest)}…`;
}
