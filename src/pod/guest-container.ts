// The part of a container that lives in the VM: its binds in the share and what the agent made of it.
import { throwIfAborted } from '../base/errors.js';
import { span } from '../base/trace/span.js';
import { Undo } from '../base/undo.js';
import type { Agent } from '../host/agent/agent.js';
import type { ShareBinding } from '../host/share/share.js';
import type { ContainerConfig } from '../model/container-config.js';
import { abortCleanupMs, agentCallTimeoutMs } from '../model/limits.js';
import { attempt, during, duringCommand } from './errors.js';
import type { LiveVm } from './live-vm.js';
import type { PlannedExport } from './plan/plan.js';
import { planGuest } from './plan/plan-guest.js';
import { settleBriefly } from './settle.js';

/** What must be given back when a container leaves its VM. */
export interface GuestContainer {
  readonly live: LiveVm;
  readonly bindings: readonly ShareBinding[];
}

export interface EnterOptions {
  readonly what: string;
  readonly config: ContainerConfig;
  readonly podHostname: string;
  readonly signal: AbortSignal;
}

/** Binds what a container needs and creates it in the guest; on failure or abort nothing of it is left. */
export function enterGuest(live: LiveVm, options: EnterOptions): Promise<GuestContainer> {
  const { what, config, podHostname, signal } = options;
  const plan = span('spec', () => planGuest(what, config, podHostname));
  return Undo.run(async (undo) => {
    const bindings: ShareBinding[] = [];
    const bind = async (wanted: PlannedExport): Promise<ShareBinding> => {
      const { source, readOnly, cached } = wanted;
      const binding = await live
        .call(what, () => live.share.bind({ source, readOnly, cached }))
        .catch((error: unknown) => {
          throw during(what, error, `${subjectOf(wanted)} ${JSON.stringify(source)}`);
        });
      bindings.push(binding);
      undo.add(`bind of ${source}`, () => live.share.unbind(binding));
      throwIfAborted(signal, what);
      return binding;
    };
    const traced = (wanted: PlannedExport): Promise<ShareBinding> =>
      span('bind', () => bind(wanted), { destination: wanted.destination });
    const root = await traced(plan.root);
    const sharedMounts: ShareBinding[] = [];
    for (const wanted of plan.exports) sharedMounts.push(await traced(wanted));
    const request = {
      containerId: config.id,
      specJson: plan.specJson,
      root: { kind: 'directory', source: root, discardWrites: plan.discardWrites } as const,
      sharedMounts,
      stdin: config.process.stdin,
      terminalSize: config.process.terminal,
    };
    let creating: Promise<unknown> | undefined;
    // Added before the call: whoever stops waiting for it does not know whether it took effect.
    undo.add('container in the guest', async () => {
      await settleBriefly(creating);
      await leave(live, config.id, abortCleanupMs);
    });
    const create = (agent: Agent): Promise<unknown> => {
      creating = agent.createContainer(request, { timeoutMs: agentCallTimeoutMs });
      return creating;
    };
    try {
      await span('agent-create', () => live.call(what, create, signal));
    } catch (error) {
      throw duringCommand(what, config.process.command, error);
    }
    return { live, bindings };
  });
}

/** Destroys a container in the guest and lets go of its binds; goes on where the guest does not answer. */
export async function leaveGuest(
  container: GuestContainer,
  containerId: string,
): Promise<readonly string[]> {
  const { live, bindings } = container;
  const failures = [
    ...(await attempt('container in the guest', () =>
      leave(live, containerId, agentCallTimeoutMs),
    )),
  ];
  for (const binding of [...bindings].reverse()) {
    if (live.exit !== null) break;
    failures.push(...(await attempt('bind', () => live.share.unbind(binding))));
  }
  return failures;
}

async function leave(live: LiveVm, containerId: string, timeoutMs: number): Promise<void> {
  if (live.exit !== null) return;
  const what = `cannot remove container ${containerId} from the guest`;
  try {
    await live.call(what, (agent) => agent.destroyContainer(containerId, { timeoutMs }));
  } catch (error) {
    // What a dead VM held is gone with it.
    if (live.exit === null) throw error;
  }
}

function subjectOf({ destination }: PlannedExport): string {
  return destination === '/' ? 'root file system' : `source of the mount at ${destination}`;
}
