// What the environment says about the log; roots and accelerator are the library's to read.
import { VirtcontainersError } from '../../base/errors.js';

/** Levels of `VIRTC_LOG`, the most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** The level of the log on standard error; null means no log. */
export function logLevelFrom(
  environment: Readonly<Record<string, string | undefined>>,
): LogLevel | null {
  const value = environment['VIRTC_LOG'];
  if (!value) return null;
  const level = logLevels.find((candidate) => candidate === value);
  if (level !== undefined) return level;
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot use VIRTC_LOG=${JSON.stringify(value)}: it must be ${logLevels.join(', ')}`,
  );
}
