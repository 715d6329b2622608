// The processes that exec has added to a container: started, watched, and released in the guest when nothing of them is left.
import { VirtcontainersError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { Agent } from '../host/agent/agent.js';
import type { ContainerConfig } from '../model/container-config.js';
import { abortCleanupMs, agentCallTimeoutMs } from '../model/limits.js';
import type { ExecRequest } from '../model/parse/process-options.js';
import { toGuestProcess } from '../oci/to-guest-spec.js';
import { endOnDemand } from './end-group.js';
import { attempt, duringCommand } from './errors.js';
import type { ContainerEvents } from './events/container-events.js';
import type { LiveVm } from './live-vm.js';
import { LocalProcess } from './local-process.js';
import { settleBriefly } from './settle.js';

export class ExecProcesses {
  readonly #container: ContainerConfig;
  readonly #hostname: string;
  readonly #log: Logger;
  readonly #events: ContainerEvents;
  readonly #processes = new Map<string, LocalProcess | null>();

  constructor(
    container: ContainerConfig,
    pod: { readonly hostname: string; readonly log: Logger },
    events: ContainerEvents,
  ) {
    this.#container = container;
    this.#hostname = container.hostname ?? pod.hostname;
    this.#log = pod.log;
    this.#events = events;
  }

  /** Those that the guest still knows. */
  get all(): readonly LocalProcess[] {
    return [...this.#processes.values()].filter((process) => process !== null);
  }

  /** Starts one; on failure or abort the guest has none. */
  async start(
    what: string,
    findVm: () => LiveVm,
    { id, config, end }: ExecRequest,
    signal: AbortSignal | undefined,
  ): Promise<LocalProcess> {
    if (this.#processes.has(id)) {
      throw new VirtcontainersError('already-exists', `${what}: it has a process ${id}`);
    }
    const live = findVm();
    const ref = { containerId: this.#container.id, processId: id };
    const { stdin, terminal } = config;
    this.#processes.set(id, null);
    let starting: Promise<unknown> | undefined;
    const ask = (agent: Agent): Promise<unknown> => {
      starting = agent.exec(
        {
          ...ref,
          processJson: JSON.stringify(
            toGuestProcess(config, { ...this.#container, hostname: this.#hostname }),
          ),
          stdin,
          terminalSize: terminal,
        },
        { timeoutMs: agentCallTimeoutMs },
      );
      return starting;
    };
    try {
      await live.operation(what, async () => {
        try {
          await live.call(what, ask, signal);
        } catch (error) {
          await this.#undo(live, ref, starting);
          throw error;
        }
      });
    } catch (error) {
      this.#processes.delete(id);
      throw duringCommand(what, config.command, error);
    }
    const name = `process ${id} of container ${this.#container.id}`;
    const { command } = config;
    const traits = { id, command, name, ref, stdin, terminal: terminal !== null };
    const process = new LocalProcess(live, traits);
    this.#processes.set(id, process);
    void process.finished.then(() => this.#release(live, ref, process));
    this.#events.execStarted(id);
    process.exited.then(
      (exit) => this.#events.execExited(id, exit),
      () => this.#events.execExited(id, null),
    );
    process.begin();
    endOnDemand(process, { ...end, what: process.finishing, signal });
    return process;
  }

  // Whoever stopped waiting, or was told of a failure on the way, does not know whether it runs: it is killed if it does.
  async #undo(live: LiveVm, ref: Ref, starting: Promise<unknown> | undefined): Promise<void> {
    if (starting === undefined || live.exit !== null) return;
    let settled = false;
    const done = starting.catch(() => {}).then(() => (settled = true));
    await settleBriefly(done);
    const bound = { timeoutMs: abortCleanupMs };
    const end = async (call: LiveVm['callLater']): Promise<void> => {
      const kill = await attempt('kill', () =>
        call('kill', (agent) => agent.signalAll(ref, { number: 9, waitMs: 0 }, bound)),
      );
      if (kill.length > 0) return;
      await attempt('wait', () => call('wait', (agent) => agent.wait(ref, bound)));
      await attempt('release', () => call('release', (agent) => agent.release(ref, bound)));
    };
    if (settled) await end(live.call.bind(live));
    else void done.then(() => end(live.callLater.bind(live)));
  }

  async #release(live: LiveVm, ref: Ref, process: LocalProcess): Promise<void> {
    await process.ending;
    if (live.exit === null) {
      const what = `cannot release ${process.id}`;
      const failed = await attempt(what, () => live.callLater(what, (agent) => agent.release(ref)));
      // It may have gone with its container.
      if (failed.length > 0)
        this.#log.debug({ ...ref, reason: failed[0] }, 'an exec was not released');
    }
    if (this.#processes.get(ref.processId) === process) this.#processes.delete(ref.processId);
  }
}

type Ref = { readonly containerId: string; readonly processId: string };
