// Text that a guest or another program wrote, made safe to show: bounded, without control characters.

// Controls, invisible format characters (text direction among them), lone surrogates, private use, line separators.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
const unsafeButLineEnds = /[^\n\P{Cc}]|[\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** One line of at most `maxLength` characters: what could act on a terminal or a log is escaped, a cut shows as `…` at the end. */
export function printable(text: string, maxLength: number): string {
  // An escape is never shorter than what it stands for, so nothing behind this can be needed.
  const pieces = [...text.slice(0, maxLength + 1)].map((character) =>
    escapeCharacter(character, unsafe),
  );
  return fit(pieces, text.length > maxLength, maxLength).join('');
}

/** Like `printable`, but line ends stay and the end of the text is kept: for the last lines of a console. */
export function printableTail(text: string, maxLength: number): string {
  const unixText = text.slice(-2 * maxLength - 1).replaceAll('\r\n', '\n');
  const pieces = [...unixText]
    .map((character) => escapeCharacter(character, unsafeButLineEnds))
    .reverse();
  return fit(pieces, text.length > 2 * maxLength + 1, maxLength)
    .reverse()
    .join('');
}

function escapeCharacter(character: string, pattern: RegExp): string {
  if (!pattern.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const short = shortEscapes.get(character);
  if (short !== undefined) return short;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** As many leading pieces as fit, whole ones only. */
function fit(pieces: string[], isCut: boolean, maxLength: number): string[] {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (total <= maxLength && !isCut) return pieces;
  const kept: string[] = [];
  let length = 1;
  for (const piece of pieces) {
    length += piece.length;
    if (length > maxLength) break;
    kept.push(piece);
  }
  return maxLength > 0 ? [...kept, '…'] : [];
}
