// A logger that writes one line per entry to standard error.
import type { Logger } from '../../base/log.js';
import { printable } from '../../base/untrusted-text.js';
import { type LogLevel, logLevels } from './environment.js';

/** Longest line, in characters. */
const maxLineLength = 16 * 1024;

/** Logs what is at least as grave as `level`: `debug qemu pod=a: text {"more":1}`. */
export function stderrLogger(
  level: LogLevel,
  write: (line: string) => void,
  bound: Readonly<Record<string, unknown>> = {},
): Logger {
  const log =
    (entryLevel: LogLevel) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      if (logLevels.indexOf(entryLevel) < logLevels.indexOf(level)) return;
      write(`${formatEntry(entryLevel, { ...bound, ...fields }, message)}\n`);
    };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => stderrLogger(level, write, { ...bound, ...fields }),
  };
}

function formatEntry(
  level: LogLevel,
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

/** Errors and bigints, which JSON has no form for; of a text no more than a line holds. */
function plainErrors(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.message.slice(0, maxLineLength);
  if (typeof value === 'string') return value.slice(0, maxLineLength);
  return typeof value === 'bigint' ? value.toString() : value;
}
