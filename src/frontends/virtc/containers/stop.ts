// `virtc stop`: the stop signal, a grace, SIGKILL; the VM of a container that has one for itself ends with it.
import { waitFor } from '../../../base/deadline.js';
import { isVirtcontainersError } from '../../../base/errors.js';
import { stopGraceMs } from '../../../model/limits.js';
import type { StopOptions } from '../../../model/options.js';
import { maxDurationMs } from '../../../model/parse-duration.js';
import type { Container, Runtime } from '../../../model/pod.js';
import { badFlag } from '../flag-values.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { openContainer } from './find.js';
import { look, stopIdlePod, unlessGone } from './owned.js';
import { dockerState } from './rows.js';
import { toSignal } from './signals.js';

export interface StopFlags extends CommonFlags {
  readonly time?: string;
  readonly timeout?: string;
  readonly signal?: string;
}

/** Resolves with the exit code: 1 if one could not be stopped. */
export async function stop(
  names: readonly string[],
  flags: StopFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  const graceMs = toGraceMs(flags);
  const signal = flags.signal === undefined ? null : toSignal(flags.signal);
  return forEach(names, { flags, streams }, (name) =>
    stopContainer(runtime, name, { graceMs, signal }),
  );
}

interface HowToStop {
  readonly graceMs: number | null;
  readonly signal: NodeJS.Signals | number | null;
}

async function stopContainer(runtime: Runtime, name: string, how: HowToStop): Promise<void> {
  const found = await look(runtime, name, 'stop');
  const state = dockerState(found);
  if (state === 'dead') return;
  if (state === 'running' || state === 'paused') {
    await unlessGone(async () => end(await openContainer(runtime, found), how));
  }
  await stopIdlePod(runtime, found.pod.id);
}

async function end(container: Container, { graceMs, signal }: HowToStop): Promise<void> {
  const options: StopOptions = graceMs === null ? {} : { graceMs };
  if (signal === null) return container.stop(options);
  const what = `cannot stop container ${container.id}`;
  await container.kill(signal);
  const ended = waitFor(container.wait(), { what, timeoutMs: graceMs ?? stopGraceMs });
  await ended.catch((error: unknown) => {
    if (!isVirtcontainersError(error) || error.code !== 'timeout') throw error;
  });
  await container.stop({ graceMs: 0 });
}

/** Of `--time`: seconds, and -1 for no end; null where nothing is asked. @throws VirtcontainersError */
export function toGraceMs({ time, timeout }: Pick<StopFlags, 'time' | 'timeout'>): number | null {
  const text = timeout ?? time;
  if (text === undefined) return null;
  if (text === '-1') return maxDurationMs;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Number.NaN;
  if (ms <= maxDurationMs) return ms;
  throw badFlag('--timeout', text, 'it must be a whole number of seconds, or -1 for no limit');
}
