// Attaches to the agent of a VM that has just been started: the wait ends when the VM does.
import type { Duplex } from 'node:stream';
import { waitFor } from '../base/deadline.js';
import type { Agent, AgentConnector } from '../host/agent/agent.js';
import type { Vm, VmExit } from '../host/hypervisor/hypervisor.js';
import { vmGone } from './errors.js';

export interface AttachAgentOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly podId: string;
  /** Longest wait for the agent's first answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** An agent that answers too late is let go. */
export async function attachAgent(
  agents: AgentConnector,
  vm: Vm,
  { what, podId, timeoutMs, signal }: AttachAgentOptions,
): Promise<Agent> {
  const attaching = new AbortController();
  const forward = (): void => attaching.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener('abort', forward, { once: true });
  let exit: VmExit | undefined;
  let waiting = true;
  const died = vm.exited.then((ended) => {
    exit = ended;
    if (waiting) attaching.abort(ended.reason);
    throw vmGone(what, ended);
  });
  const dial = (): Promise<Duplex> => vm.dialAgent(attaching.signal);
  const attached = agents.attach(dial, { podId, timeoutMs, signal: attaching.signal });
  attached.then(
    (agent) => waiting || agent.close(),
    () => {},
  );
  died.catch(() => {});
  try {
    return await waitFor(Promise.race([attached, died]), { what, signal });
  } catch (error) {
    attaching.abort(error);
    throw exit === undefined ? error : vmGone(what, exit);
  } finally {
    waiting = false;
    signal.removeEventListener('abort', forward);
  }
}
