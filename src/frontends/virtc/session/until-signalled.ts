// Work that goes on until a signal or a reader that leaves ends it, which is its ordinary end.
import { constants } from 'node:os';
import { exitCodes } from '../report.js';

const ending = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves with the work's exit code, or 128 + n where signal n has ended it. */
export async function untilSignalled(
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const abort = new AbortController();
  let code: number | undefined;
  const end = (name: (typeof ending)[number] | 'SIGPIPE') => (): void => {
    code ??= exitCodes.signalBase + constants.signals[name];
    abort.abort();
  };
  const listeners = ending.map((name) => [name, end(name)] as const);
  const onBroken = end('SIGPIPE');
  for (const [name, listener] of listeners) process.on(name, listener);
  process.stdout.on('error', onBroken);
  try {
    const result = await work(abort.signal);
    return code ?? result;
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener);
    process.stdout.off('error', onBroken);
  }
}
