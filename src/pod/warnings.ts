// What goes wrong without anything failing: told to the program that asked for it, and to the log.
import type { Warning } from '../model/warning.js';
import type { Mechanisms } from './mechanisms.js';

/** A listener's own fault must not become the pod's. */
export function warn(
  { log, onWarning }: Pick<Mechanisms, 'log' | 'onWarning'>,
  warning: Warning,
): void {
  const { code, podId, message } = warning;
  log.warn({ subsystem: 'template', code, pod: podId ?? undefined }, message);
  try {
    onWarning?.(warning);
  } catch (error) {
    log.warn({ err: error, code }, 'a listener to warnings failed');
  }
}
