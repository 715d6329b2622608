// How a warning of the library is told on standard error: a line for people, or an event for programs.
import { printable } from '../../base/untrusted-text.js';
import type { Warning } from '../../model/warning.js';
import { type Paint, plain } from './paint.js';

/** Longest line, in characters: a message may hold what QEMU or a guest has said. */
const maxLineLength = 4096;

/** A warning as a line. */
export function toWarningLine({ message }: Warning, paint: Paint = plain): string {
  return `virtc: ${paint('yellow', 'warning:')} ${printable(message, maxLineLength)}\n`;
}

/** A warning as an event of `--format json`. */
export function toWarningEvent({ code, message, podId }: Warning) {
  return { event: 'warning', code, message: printable(message, maxLineLength), podId };
}
