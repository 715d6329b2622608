// Ends a container's processes: its stop signal, a grace, SIGKILL to all.
import { abortError, isVirtcontainersError, VirtcontainersError } from '../base/errors.js';
import type { Agent } from '../host/agent/agent.js';
import { killWaitMs, stopSignalTimeoutMs } from '../model/limits.js';
import type { LiveVm } from './live-vm.js';
import type { LocalProcess } from './local-process.js';

export interface EndOptions {
  readonly what: string;
  readonly containerId: string;
  /** The number of the signal that asks it to end. */
  readonly stopSignal: number;
  /** The container stands still: it goes on when the stop signal waits for it. SIGKILL needs no such thing. */
  readonly isPaused?: boolean;
  /** Told when it goes on for that. */
  readonly onResumed?: () => void;
  /** 0 means SIGKILL at once. */
  readonly graceMs: number;
  /** Gives up during the grace: the container runs on. */
  readonly signal?: AbortSignal | undefined;
  /** Cuts the grace short. */
  readonly hurry?: AbortSignal | undefined;
}

/**
 * Resolves when init has ended, or the VM with it.
 * @throws VirtcontainersError `timeout` where the guest does not answer or the container survives SIGKILL; `cancelled`
 */
export async function endProcesses(
  live: LiveVm,
  init: LocalProcess,
  options: EndOptions,
): Promise<void> {
  const { what, containerId, signal, hurry } = options;
  const bound = { timeoutMs: stopSignalTimeoutMs };
  const ask = async (work: (agent: Agent) => Promise<void>): Promise<void> => {
    try {
      await live.call(what, work);
    } catch (error) {
      const gone = isVirtcontainersError(error) && error.code === 'not-found';
      if (!gone && !init.ended && live.exit === null) throw error;
    }
  };
  const ref = { containerId, processId: '' };
  if (options.graceMs > 0 && !hurry?.aborted) {
    await ask((agent) => agent.signal(ref, options.stopSignal, bound));
    if (options.isPaused) {
      await ask((agent) => agent.resumeContainer(containerId, bound));
      options.onResumed?.();
    }
    if (await endedWithin(init, options.graceMs, [signal, hurry])) return;
    if (signal?.aborted) throw abortError(signal, what);
  }
  await ask(async (agent) => {
    await agent.signalAll(ref, { number: 9, waitMs: 0 }, bound);
  });
  if (await endedWithin(init, killWaitMs, [])) return;
  throw new VirtcontainersError(
    'timeout',
    `${what}: it has not ended ${killWaitMs} ms after SIGKILL`,
    {
      hint: 'delete the pod with `force`',
    },
  );
}

function endedWithin(
  init: LocalProcess,
  ms: number,
  signals: readonly (AbortSignal | undefined)[],
): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', finish);
      resolve(init.ended);
    };
    const timer = setTimeout(finish, ms);
    for (const signal of signals) {
      if (signal?.aborted) finish();
      signal?.addEventListener('abort', finish, { once: true });
    }
    init.exited.then(finish, finish);
  });
}
