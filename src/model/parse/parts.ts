// Schemas of what several options share: text, sizes, paths, signals, environment.
import { posix } from 'node:path';
import { signalName, signalNumber } from '../exit-status.js';
import { defaultTerminalSize, maxArgumentBytes } from '../limits.js';
import { durationRule, parseDuration } from '../parse-duration.js';
import { parseSize, sizeRule } from '../parse-size.js';
import type { Z } from './schema.js';

const noNul = (text: string): boolean => !text.includes('\0');

/** Builds the shared schemas. */
export function parts(z: Z) {
  const text = (rule: string, accept: (value: string) => boolean) =>
    z.string({ error: rule }).refine((value) => noNul(value) && accept(value), { error: rule });
  const integer = (least: number, most: number) => {
    const rule = `must be a whole number from ${least} to ${most}`;
    return z
      .number({ error: rule })
      .refine((value) => Number.isSafeInteger(value) && value >= least && value <= most, {
        error: rule,
      });
  };
  const through = <T>(rule: string, convert: (value: unknown) => T | undefined) =>
    z.unknown().transform((value, context) => {
      const converted = convert(value);
      if (converted !== undefined) return converted;
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    });
  const size = (unitBytes: number, least: number, most: number, bounds: string) =>
    through(sizeRule, (value) => parseSize(value, unitBytes)).refine(
      (bytes) => bytes >= least && bytes <= most,
      { error: bounds },
    );
  const env = z.unknown().transform((value, context) => {
    const rule = 'must be an object of texts';
    // Neither a list nor a Map has its variables as properties.
    if (typeof value !== 'object' || value === null || Symbol.iterator in value) {
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    }
    const variables: [string, string][] = [];
    for (const [name, text] of Object.entries(value)) {
      if (text === undefined) continue;
      const message = variableRule(name, text);
      if (message !== undefined) context.addIssue({ code: 'custom', message, path: [name] });
      variables.push([name, text]);
    }
    return Object.fromEntries(variables);
  });
  const table = (nameRule: string, acceptName: (name: string) => boolean) =>
    z
      .record(
        z.string(),
        text('must be text without NUL', () => true),
        {
          error: 'must be an object of texts',
        },
      )
      .superRefine((value, context) => {
        for (const name of Object.keys(value)) {
          if (noNul(name) && acceptName(name)) continue;
          context.addIssue({ code: 'custom', message: nameRule, path: [name] });
        }
      });
  return {
    text,
    integer,
    through,
    size,
    boolean: z.boolean({ error: 'must be true or false' }),
    callback: z.custom<(event: never) => void>((value) => typeof value === 'function', {
      error: 'must be a function',
    }),
    abortSignal: z.custom<AbortSignal>(isAbortSignal, { error: 'must be an AbortSignal' }),
    durationMs: through(durationRule, parseDuration),
    env,
    labels: table(
      'must have a name of 1 to 256 characters',
      (name) => name !== '' && name.length <= 256,
    ),
    hostPath: text('must be a path without NUL', (value) => value !== ''),
    guestPath: text('must be an absolute path without NUL', (value) =>
      value.startsWith('/'),
    ).transform((value) => posix.resolve(value)),
    hostname: text(hostnameRule, isHostname),
    command: z
      .array(
        text('must be text without NUL', () => true).refine(isArgument, { error: argumentRule }),
        { error: commandRule },
      )
      .refine((argv) => (argv[0] ?? '') !== '', { error: commandRule }),
    user: text(
      "must be 'user', 'uid', 'user:group' or 'uid:gid'",
      (value) => value.length <= 256 && /^[^\s:]+(:[^\s:]+)?$/.test(value),
    ),
    signal: through("must be a signal's name such as 'SIGTERM'", namedSignal),
    terminal: z
      .union(
        [z.boolean(), z.strictObject({ columns: integer(1, 65_535), rows: integer(1, 65_535) })],
        { error: 'must be true, false or { columns, rows } from 1 to 65535' },
      )
      .transform((value) =>
        value === true ? defaultTerminalSize : value === false ? null : value,
      ),
  };
}

export type Parts = ReturnType<typeof parts>;

const argumentRule = `must be text of at most ${maxArgumentBytes} bytes`;
const isArgument = (text: string): boolean => Buffer.byteLength(text) <= maxArgumentBytes;
const commandRule = 'must be a list of texts that begins with a program';
const hostnameRule =
  "must be 1 to 64 letters, digits, '-', '_' or '.', each part beginning and ending with something else than '-'";

function variableRule(name: string, value: unknown): string | undefined {
  if (name === '' || name.includes('=') || !noNul(name)) {
    return "must have a name without '=' and NUL";
  }
  if (typeof value !== 'string' || !noNul(value)) return 'must be text without NUL';
  if (isArgument(`${name}=${value}`)) return undefined;
  return `must be at most ${maxArgumentBytes} bytes long with its name`;
}

function isHostname(value: string): boolean {
  const part = /^\w([\w-]*\w)?$/;
  return (
    value.length <= 64 && value.split('.').every((label) => label.length <= 63 && part.test(label))
  );
}

// By shape and not by class: a signal may come from another realm.
function isAbortSignal(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    'addEventListener' in value &&
    typeof value.addEventListener === 'function'
  );
}

function namedSignal(value: unknown): NodeJS.Signals | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const number = signalNumber(value);
  return number === undefined ? undefined : signalName(number);
}
