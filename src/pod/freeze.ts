// Pauses and resumes a container in the guest; where that fails it goes back, or counts as paused so that it can be resumed.
import { throwIfAborted, VirtcontainersError, withDetails } from '../base/errors.js';
import type { Agent } from '../host/agent/agent.js';
import { abortCleanupMs, agentCallTimeoutMs } from '../model/limits.js';
import { attempt, during } from './errors.js';
import type { LiveVm } from './live-vm.js';
import { settleBriefly } from './settle.js';

export interface FreezeOptions {
  readonly what: string;
  readonly containerId: string;
  readonly to: 'paused' | 'running';
  readonly signal: AbortSignal;
  /** Answers whether it is in that state now: one that has ended stays so. */
  readonly setState: (state: 'paused' | 'running') => boolean;
  readonly save: () => Promise<void>;
}

export async function freeze(live: LiveVm, options: FreezeOptions): Promise<void> {
  const { what, to, signal, setState, save } = options;
  let asked: Promise<void> | undefined;
  const ask = (agent: Agent): Promise<void> => {
    asked = change(agent, options, to, agentCallTimeoutMs);
    return asked;
  };
  try {
    await live.call(what, ask, signal);
    throwIfAborted(signal, what);
    if (!setState(to)) throw new VirtcontainersError('invalid-state', `${what}: it has ended`);
    await save();
  } catch (error) {
    const failed = await goBack(live, options, asked);
    const told = during(what, error, '');
    throw failed.length === 0 ? told : withDetails(told, { failedCleanups: failed });
  }
}

// Whoever stopped waiting does not know whether it took effect.
async function goBack(
  live: LiveVm,
  options: FreezeOptions,
  asked: Promise<void> | undefined,
): Promise<readonly string[]> {
  if (asked === undefined) return [];
  const { what, to, setState, save } = options;
  const back = to === 'paused' ? 'running' : 'paused';
  const undo = (agent: Agent): Promise<void> => change(agent, options, back, abortCleanupMs);
  // A resume also ends a pause that still waits, so it is not waited for.
  if (to === 'running') await settleBriefly(asked);
  const failed = await attempt('container in the guest', () => live.call(what, undo));
  const isSure = failed.length === 0 && back === 'running';
  const isStopped = !setState(isSure ? 'running' : 'paused');
  const unsaved = await attempt('record', save);
  return isStopped ? unsaved : [...failed, ...unsaved];
}

function change(
  agent: Agent,
  { containerId }: FreezeOptions,
  to: 'paused' | 'running',
  timeoutMs: number,
): Promise<void> {
  const options = { timeoutMs };
  return to === 'paused'
    ? agent.pauseContainer(containerId, options)
    : agent.resumeContainer(containerId, options);
}
