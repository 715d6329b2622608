// A logger that writes one line per entry to standard error.
import { type Logger, silentLogger } from '../../base/log.js';
import { printable } from '../../base/untrusted-text.js';
import { logLevels } from '../../model/defaults.js';

type LogLevel = (typeof logLevels)[number];
type EntryLevel = Exclude<LogLevel, 'off'>;

/** Longest line, in characters. */
export const maxLineLength = 16 * 1024;

/** Where entries go. */
type Sink = (level: EntryLevel, fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Logs what is at least as grave as `level`: `debug qemu pod=a: text {"more":1}`; `off` logs nothing. */
export function stderrLogger(level: LogLevel, write: (line: string) => void): Logger {
  if (level === 'off') return silentLogger;
  return levelLogger(level, (entryLevel, fields, message) => {
    write(`${formatEntry(entryLevel, fields, message)}\n`);
  });
}

/** Gives a sink what is at least as grave as `level`. */
export function levelLogger(
  level: EntryLevel,
  sink: Sink,
  bound: Readonly<Record<string, unknown>> = {},
): Logger {
  const log =
    (entryLevel: EntryLevel) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      if (logLevels.indexOf(entryLevel) < logLevels.indexOf(level)) return;
      sink(entryLevel, { ...bound, ...fields }, message);
    };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => levelLogger(level, sink, { ...bound, ...fields }),
  };
}

function formatEntry(
  level: EntryLevel,
  fields: Readonly<Record<string, unknown>>,
  message: string,
): string {
  const { subsystem, pod, container, ...rest } = fields;
  const parts: string[] = [level];
  if (subsystem !== undefined) parts.push(String(subsystem));
  if (pod !== undefined) parts.push(`pod=${String(pod)}`);
  if (container !== undefined) parts.push(`container=${String(container)}`);
  const more = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest, plainErrors)}`;
  return printable(`${parts.join(' ')}: ${message}${more}`, maxLineLength);
}

/** Fields as JSON can say them, bounded: a guest may have put anything into them. */
export function plainFields(fields: Readonly<Record<string, unknown>>): unknown {
  const text = JSON.stringify(fields, plainErrors);
  return text.length <= maxLineLength ? JSON.parse(text) : { cut: printable(text, maxLineLength) };
}

/** Errors and bigints, which JSON has no form for; of a text no more than a line holds. */
function plainErrors(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.message.slice(0, maxLineLength);
  if (typeof value === 'string') return value.slice(0, maxLineLength);
  return typeof value === 'bigint' ? value.toString() : value;
}
