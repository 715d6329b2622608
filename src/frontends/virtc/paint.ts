// Colour on a terminal, where it is wanted.
import type { Color } from '../../config.js';

/** Text with a colour around it, or as it is. */
export type Paint = (color: 'red' | 'green' | 'yellow', text: string) => string;

const codes = { red: 31, green: 32, yellow: 33 } as const;

/** Leaves texts as they are. */
export const plain: Paint = (_color, text) => text;

/** The paint for a stream: `auto` is colour where it is a terminal that can. */
export function paintFor(
  color: Color,
  stream: { readonly isTTY?: boolean | undefined },
  environment: { readonly TERM?: string | undefined },
): Paint {
  const isTerminal = stream.isTTY === true && environment.TERM !== 'dumb';
  if (color === 'never' || (color === 'auto' && !isTerminal)) return plain;
  return (name, text) => `\u001b[${codes[name]}m${text}\u001b[39m`;
}
