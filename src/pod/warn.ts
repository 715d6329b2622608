// Tells of what went wrong and was got over: to who wants to know, else to the log.
import type { Warning } from '../model/warning.js';
import type { Mechanisms } from './mechanisms.js';

/** Tells a warning once; never throws. */
export function warn(
  { onWarning, log }: Pick<Mechanisms, 'onWarning' | 'log'>,
  warning: Warning,
): void {
  const { code, message, podId } = warning;
  const pod = podId === null ? {} : { pod: podId };
  if (onWarning === undefined) {
    log.warn({ subsystem: 'templates', ...pod, code }, message);
    return;
  }
  try {
    onWarning(warning);
  } catch (error) {
    // A listener's fault must not become the pod's.
    log.warn({ err: error, ...pod, code }, 'a listener for warnings failed');
  }
}
