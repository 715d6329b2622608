// Pauses and resumes a pod's VM; where that fails the VM goes back, or counts as paused until somebody resumes or ends it.
import { throwIfAborted, type VirtcontainersError, withDetails } from '../base/errors.js';
import type { Identity } from '../host/agent/agent.js';
import { attempt, during } from './errors.js';
import type { LiveVm } from './live-vm.js';

export interface PauseOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly setState: (state: 'running' | 'paused') => void;
  /** Records the state. */
  readonly save: () => Promise<void>;
}

/** Waits until nothing is under way, then stops the VM's processors. */
export async function pauseVm(live: LiveVm, options: PauseOptions): Promise<void> {
  const { what, signal, setState, save } = options;
  await live.gate.close(what, signal);
  // From here on it may stand still: nothing must be asked of it.
  setState('paused');
  live.liveness.suspend();
  try {
    await live.callAlways(what, () => live.vm.pause());
    throwIfAborted(signal, what);
    await save();
  } catch (error) {
    const failed = [...(await attempt('VM', () => live.callAlways(what, () => live.vm.resume())))];
    if (failed.length === 0) {
      setState('running');
      live.liveness.resume();
      live.gate.open();
      failed.push(...(await attempt('record', save)));
    }
    throw failure(what, error, failed);
  }
}

/** Lets a paused VM go on, with the right time; calls pass again when it has that. */
export async function resumeVm(
  live: LiveVm,
  options: PauseOptions & { readonly identity: Identity },
): Promise<void> {
  const { what, signal, setState, save, identity } = options;
  try {
    await live.callAlways(what, () => live.vm.resume());
    live.liveness.resume();
    // Its clock stood still, too. Fresh entropy does no harm.
    await live.callAlways(what, (agent) => agent.personalize(identity, { signal }), signal);
    throwIfAborted(signal, what);
    setState('running');
    await save();
    live.gate.open();
  } catch (error) {
    setState('paused');
    live.liveness.suspend();
    const failed = [...(await attempt('VM', () => live.callAlways(what, () => live.vm.pause())))];
    failed.push(...(await attempt('record', save)));
    throw failure(what, error, failed);
  }
}

function failure(what: string, error: unknown, failed: readonly string[]): VirtcontainersError {
  const told = during(what, error, '');
  return failed.length === 0 ? told : withDetails(told, { failedCleanups: failed });
}
