// A live QEMU: what can be asked of it, until it ends.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { waitFor } from '../../../base/deadline.js';
import { reasonOf, VirtcontainersError } from '../../../base/errors.js';
import { dialSocket } from '../../../base/sockets/dial-socket.js';
import { printableTail } from '../../../base/untrusted-text.js';
import type { VmHandle } from '../../../model/handle.js';
import { consoleTailBytes } from '../../../model/limits.js';
import type { HostUsage } from '../../../model/usage.js';
import type { Accelerator, Vm, VmExit, VmPlan, VmSize } from '../hypervisor.js';
import { vmDirectory } from './command-line.js';
import { HotPlug } from './hot-plug.js';
import { readProcessUsage } from './process-usage.js';
import type { QmpClient } from './qmp-client.js';
import type { VmParts } from './vm-parts.js';
import { socketNames } from './vm-shape.js';
import { saveState } from './vm-state.js';

export interface QemuVmParts {
  readonly plan: VmPlan;
  readonly accelerator: Accelerator;
  readonly handle: VmHandle;
  readonly parts: VmParts;
  readonly qmp: QmpClient;
  readonly runsSinceMs: number;
  /** A connection to the agent's channel that was opened already; the first one to be handed out. */
  readonly agentChannel: Socket | null;
  /** Its other connections. */
  readonly sockets: readonly Socket[];
  /** Lets the VM's process have memory for a VM of that size. */
  readonly allowMemory: (memoryMiB: number) => void;
  /** Releases all that the VM held on the host; the process is gone by then. */
  readonly release: () => Promise<void>;
}

export class QemuVm implements Vm {
  readonly handle: VmHandle;
  readonly accelerator: Accelerator;
  readonly mountNamespacePid: number;
  readonly runsSinceMs: number;
  readonly exited: Promise<VmExit>;
  readonly #plan: VmPlan;
  readonly #parts: VmParts;
  readonly #qmp: QmpClient;
  readonly #hotPlug: HotPlug;
  readonly #release: () => Promise<void>;
  #agentChannel: Socket | null;
  /** What the owner's process waits on. */
  readonly #sockets: Socket[];

  constructor(all: QemuVmParts) {
    const { plan, accelerator, handle, parts, qmp, allowMemory, release } = all;
    this.handle = handle;
    this.accelerator = accelerator;
    this.mountNamespacePid = parts.process.pid;
    this.runsSinceMs = all.runsSinceMs;
    this.exited = parts.exited;
    this.#plan = plan;
    this.#parts = parts;
    this.#qmp = qmp;
    this.#hotPlug = new HotPlug(qmp, plan, allowMemory);
    this.#release = release;
    this.#agentChannel = all.agentChannel;
    this.#sockets = [...all.sockets];
    if (all.agentChannel !== null) this.#sockets.push(all.agentChannel);
  }

  get hypervisorVersion(): string {
    return this.#qmp.version;
  }

  get size(): VmSize {
    return this.#hotPlug.size;
  }

  dialAgent(signal?: AbortSignal): Promise<Duplex> {
    const what = this.#cannot('reach the agent of');
    const path = `${vmDirectory(this.#plan)}/${socketNames.agent}`;
    return this.#parts.during(what, async () => {
      const opened = this.#agentChannel;
      this.#agentChannel = null;
      if (opened !== null && !opened.destroyed) return opened;
      try {
        const socket = await dialSocket(path, { what, signal });
        this.#sockets.push(socket);
        socket.once('close', () => this.#sockets.splice(this.#sockets.indexOf(socket), 1));
        return socket;
      } catch (error) {
        if (error instanceof VirtcontainersError) throw error;
        const message = `${what}: ${reasonOf(error)}`;
        throw new VirtcontainersError('unavailable', message, { cause: error });
      }
    });
  }

  grow(size: VmSize): Promise<void> {
    return this.#parts.during(this.#cannot('grow'), () => this.#hotPlug.grow(size));
  }

  keepAwake(isNeeded: boolean): void {
    for (const socket of this.#sockets) isNeeded ? socket.ref() : socket.unref();
  }

  pause(): Promise<void> {
    return this.#command('pause', 'stop');
  }

  resume(): Promise<void> {
    return this.#command('resume', 'cont');
  }

  save(
    stateFile: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const what = this.#cannot('save');
    return this.#parts.during(what, async () => {
      if (this.#plan.origin.kind !== 'template') {
        const why = 'it was not started as one';
        throw new VirtcontainersError('unsupported', `${what} as a template: ${why}`);
      }
      await this.#qmp.execute('stop', undefined, { signal });
      await saveState(this.#qmp, vmDirectory(this.#plan), stateFile, { what, signal });
    });
  }

  usage(): Promise<HostUsage> {
    return this.#parts.during(this.#cannot('tell what is used by'), () =>
      readProcessUsage(this.handle.process.pid),
    );
  }

  /**
   * QEMU's `quit` is the orderly way: the agent has ended the containers by then and nothing of the guest's own
   * lasts, so a powerdown of the guest would only cost its time.
   */
  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#agentChannel?.destroy();
    this.#agentChannel = null;
    if (this.#parts.exit === undefined) {
      this.#parts.quit();
      const what = this.#cannot('stop');
      await waitFor(this.exited, { timeoutMs: graceMs, what }).catch(() =>
        this.#parts.kill(`QEMU did not end within ${graceMs} ms and was killed`),
      );
    }
    await this.#release();
  }

  consoleTail(): string {
    return printableTail(this.#parts.console.text(), consoleTailBytes);
  }

  async #command(verb: string, command: string): Promise<void> {
    await this.#parts.during(this.#cannot(verb), () => this.#qmp.execute(command));
  }

  #cannot(verb: string): string {
    return `cannot ${verb} VM ${this.#plan.podId}`;
  }
}
