// The lines of a log file: when, which stream, where in it, and the bytes, written so that a terminal can show them.

export interface LogRecord {
  readonly time: Date;
  readonly stream: string;
  /** Position of the first byte in the stream. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * One line: `2026-01-31T12:00:00.000Z console 4711 the text\r`. Printable ASCII stands for itself, everything else
 * and the backslash are escaped, so the bytes can be had back exactly and nothing in the file can act on a terminal.
 */
export function formatRecord(record: LogRecord): string {
  const { time, stream, offset, bytes } = record;
  return `${time.toISOString()} ${stream} ${offset} ${escapeBytes(bytes)}\n`;
}

/** The record of a line without its line end; null for what is none: a line cut by a crash or a full disk. */
export function parseRecord(line: string): LogRecord | null {
  const match = /^(\S+Z) ([a-z][a-z-]*) (\d{1,16}) (.*)$/.exec(line);
  if (match === null) return null;
  const [, timeText = '', stream = '', offset = '', text = ''] = match;
  const time = new Date(timeText);
  const bytes = unescapeBytes(text);
  if (Number.isNaN(time.getTime()) || bytes === null) return null;
  return { time, stream, offset: Number(offset), bytes };
}

const named: ReadonlyMap<number, string> = new Map([
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
  [0x5c, '\\\\'],
]);
const byName: ReadonlyMap<string, number> = new Map([...named].map(([byte, name]) => [name, byte]));

const escapes: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
  if (plain) return String.fromCharCode(byte);
  return named.get(byte) ?? `\\x${byte.toString(16).padStart(2, '0')}`;
});

function escapeBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += escapes[byte];
  return text;
}

function unescapeBytes(text: string): Uint8Array | null {
  const whole = /^(?:[ -[\]-~]|\\[nrt\\]|\\x[0-9a-f]{2})*$/;
  if (!whole.test(text)) return null;
  const latin1 = text.replace(/\\(?:x([0-9a-f]{2})|.)/g, (code, hex: string | undefined) =>
    String.fromCharCode(hex === undefined ? (byName.get(code) ?? 0) : Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin1, 'latin1');
}
