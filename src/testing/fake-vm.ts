// A VM in memory: its agent channel is served by the real guest service over a fake container runtime.
import type { Duplex } from 'node:stream';
import { throwIfAborted, VirtcontainersError } from '../base/errors.js';
import { monotonicMs } from '../base/trace/span.js';
import { agentServerOptions, createAgentService } from '../guest/agent-service.js';
import type { Accelerator, Vm, VmExit, VmOrigin, VmSize } from '../host/hypervisor/hypervisor.js';
import type { VmHandle } from '../model/handle.js';
import type { HostUsage } from '../model/usage.js';
import { listenForHosts } from '../wire/attach/index.js';
import { duplexPair, type ServiceImplementation, serve } from '../wire/ttrpc/index.js';
import { FakeCrun, type FakeCrunOptions } from './fake-crun.js';
import { FakeSystem } from './fake-system.js';

/** Answers a host's calls over its connection. */
export type ServeAgent = (connection: Duplex, service: ServiceImplementation, vm: FakeVm) => void;

export interface FakeVmOptions {
  readonly handle: VmHandle;
  readonly origin: VmOrigin;
  readonly size: VmSize;
  readonly crun?: FakeCrunOptions;
  /** Answers a host that has attached. Default: as the real agent does. */
  readonly serve?: ServeAgent | undefined;
  /** Called when it ends, however it ends. */
  readonly onEnd: () => void;
}

/** What its console says at the end. */
const fakeConsoleTail = 'fake console: the last line';

export class FakeVm implements Vm {
  readonly handle: VmHandle;
  readonly accelerator: Accelerator = { kind: 'tcg', reason: 'a fake' };
  readonly hypervisorVersion = '0.0.0';
  readonly origin: VmOrigin;
  readonly mountNamespacePid = null;
  readonly runsSinceMs = monotonicMs();
  readonly exited: Promise<VmExit>;
  readonly crun: FakeCrun;
  readonly system = new FakeSystem();
  /** Whether it was told to stop: only that releases what a VM holds in its owner's process. */
  stopped = false;
  isPaused = false;
  isAwake = true;
  /** Where its state was saved. */
  savedTo: string | null = null;
  readonly #service: ServiceImplementation;
  readonly #serve: ServeAgent;
  readonly #onEnd: () => void;
  readonly #ports: Duplex[] = [];
  #size: VmSize;
  #ended: VmExit | null = null;
  #hung = false;
  #exit: (exit: VmExit) => void = () => {};

  constructor(options: FakeVmOptions) {
    this.handle = options.handle;
    this.origin = options.origin;
    this.#size = options.size;
    this.#onEnd = options.onEnd;
    this.crun = new FakeCrun(options.crun);
    this.#serve =
      options.serve ??
      ((connection, service) => void serve(connection, [service], agentServerOptions));
    this.#service = createAgentService({
      system: this.system,
      runtime: this.crun,
      version: '0.0.0-fake',
      // Its guest's clock is ours, and it has booted when it is there.
      bootMarks: () => ['kernel', 'agent-setup'].map((name) => ({ name, atMs: this.runsSinceMs })),
    });
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  get ended(): boolean {
    return this.#ended !== null;
  }

  get size(): VmSize {
    return this.#size;
  }

  async dialAgent(): Promise<Duplex> {
    this.#requireAlive('cannot dial the agent');
    const [host, guest] = duplexPair();
    for (const end of [host, guest]) end.on('error', () => {});
    this.#ports.push(host, guest);
    listenForHosts(guest, (connection) => this.#serve(connection, this.#service, this));
    if (this.#hung) freeze(guest);
    return host;
  }

  async grow(size: VmSize): Promise<void> {
    this.#requireAlive('cannot grow VM');
    this.#size = {
      cpus: Math.max(this.#size.cpus, size.cpus),
      memoryMiB: Math.max(this.#size.memoryMiB, size.memoryMiB),
    };
  }

  keepAwake(isNeeded: boolean): void {
    this.isAwake = isNeeded;
  }

  /** Its agent reads nothing, and what it sends does not arrive, until `resume`. */
  async pause(): Promise<void> {
    this.#requireAlive('cannot pause VM');
    if (this.isPaused) return;
    this.isPaused = true;
    for (const port of this.#ports) freeze(port);
  }

  async resume(): Promise<void> {
    this.#requireAlive('cannot resume VM');
    this.isPaused = false;
    if (!this.#hung) for (const port of this.#ports) thaw(port);
  }

  async save(
    stateFile: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const what = 'cannot save VM';
    this.#requireAlive(what);
    if (this.origin.kind !== 'template') {
      throw new VirtcontainersError('unsupported', `${what}: it is no template`);
    }
    throwIfAborted(signal, what);
    await this.pause();
    this.savedTo = stateFile;
  }

  async usage(): Promise<HostUsage> {
    this.#requireAlive('cannot tell what is used by VM');
    const { pid } = this.handle.process;
    return { pid, cpuUs: 20_000, rssBytes: 300_000_000, pssBytes: 200_000_000 };
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.end({ kind: 'stopped', reason: 'it was stopped' });
  }

  consoleTail(): string {
    return fakeConsoleTail;
  }

  /** Its agent reads nothing more: every call hangs. */
  hang(): void {
    this.#hung = true;
    for (const port of this.#ports) freeze(port);
  }

  /** The channel to its agent breaks; the VM itself goes on. */
  loseAgent(): void {
    for (const port of this.#ports) port.destroy();
  }

  kill(): void {
    this.end({ kind: 'killed', reason: 'QEMU ended by SIGKILL' });
  }

  panic(): void {
    this.end({ kind: 'panicked', reason: "the guest's kernel panicked" });
  }

  end(why: Pick<VmExit, 'kind' | 'reason'>): void {
    if (this.#ended !== null) return;
    this.#ended = { ...why, consoleTail: fakeConsoleTail, stderrTail: '' };
    for (const port of this.#ports) port.destroy();
    this.#onEnd();
    this.#exit(this.#ended);
  }

  #requireAlive(what: string): void {
    if (this.#ended === null) return;
    const { reason, consoleTail, stderrTail } = this.#ended;
    throw new VirtcontainersError('unavailable', `${what}: ${reason}`, {
      details: { consoleTail, stderrTail },
    });
  }
}

// Whoever listens on it would resume it at the next chunk that it takes.
function freeze(port: Duplex): void {
  port.pause();
  port.resume = () => port;
}

function thaw(port: Duplex): void {
  Reflect.deleteProperty(port, 'resume');
  port.resume();
}
