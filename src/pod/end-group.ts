// Ends a process and all that came from it: a signal to all, a grace, SIGKILL to all; and does so on time or on a signal.
import {
  abortError,
  isVirtcontainersError,
  reasonOf,
  VirtcontainersError,
} from '../base/errors.js';
import type { ProcessRef } from '../host/agent/agent.js';
import { killWaitMs, stopSignalTimeoutMs } from '../model/limits.js';
import type { EndConfig } from '../model/parse/command-options.js';
import type { HeldProcess } from './held-process.js';
import type { LiveVm } from './live-vm.js';

const SIGKILL = 9;

/**
 * Resolves when nothing of a process that exec made is left, itself included; the VM's end is such an end.
 * @throws VirtcontainersError `timeout` where the guest does not answer or something survives SIGKILL
 */
export async function endGroup(
  live: LiveVm,
  ref: ProcessRef,
  how: Omit<EndConfig, 'timeoutMs'> & { readonly what: string },
): Promise<void> {
  const { what, killSignal, killGraceMs } = how;
  let isHung = false;
  const send = async (number: number, waitMs: number): Promise<boolean> => {
    if (live.exit !== null) return false;
    try {
      const bound = { timeoutMs: stopSignalTimeoutMs + (isHung ? 0 : waitMs) };
      const answer = await live.callPatiently(what, (agent) =>
        agent.signalAll(ref, { number, waitMs }, bound),
      );
      return answer.left;
    } catch (error) {
      const isGone = isVirtcontainersError(error) && error.code === 'not-found';
      if (isGone || live.exit !== null) return false;
      throw error;
    }
  };
  if (killSignal !== SIGKILL && killGraceMs > 0) {
    // Whatever went wrong with the first signal, the last word is SIGKILL's.
    const isLeft = await send(killSignal, killGraceMs).catch((error: unknown) => {
      isHung = isVirtcontainersError(error) && error.code === 'timeout';
      return true;
    });
    if (!isLeft) return;
  }
  if (!(await send(SIGKILL, killWaitMs))) return;
  const reason = `something of it has not ended ${killWaitMs} ms after SIGKILL`;
  throw new VirtcontainersError('timeout', `${what}: ${reason}`, {
    hint: 'stop the container',
  });
}

/** Ends a process when its time is over or its signal fires, until nothing more is heard of it. */
export function endOnDemand(
  process: HeldProcess,
  demand: EndConfig & { readonly what: string; readonly signal: AbortSignal | undefined },
): void {
  const { what, signal, timeoutMs } = demand;
  const onAbort = (): void => {
    if (signal !== undefined) process.endAll(abortError(signal, what), demand);
  };
  const onTime = (): void => process.endAll(timeoutError(what, timeoutMs ?? 0), demand);
  const timer = timeoutMs === null ? undefined : setTimeout(onTime, timeoutMs);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  void process.finished.then(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  });
}

function timeoutError(what: string, timeoutMs: number): VirtcontainersError {
  return new VirtcontainersError('timeout', `${what}: it was ended after ${timeoutMs} ms`, {
    hint: 'raise `timeoutMs`, or leave it out for no limit',
    details: { timeoutMs },
  });
}

/** What an end that did not come about adds to the error of what asked for it. */
export function notEnded(error: unknown): { readonly failedCleanups: readonly string[] } {
  return { failedCleanups: [reasonOf(error)] };
}
