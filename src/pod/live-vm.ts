// A pod's running VM with its agent and share: calls that end when the VM ends, and its orderly end.
import { abortError, isVirtcontainersError, reasonOf } from '../base/errors.js';
import { span } from '../base/trace/span.js';
import type { Agent } from '../host/agent/agent.js';
import type { Vm, VmExit, VmSize } from '../host/hypervisor/hypervisor.js';
import type { PodShare } from '../host/share/share.js';
import { vmLossWaitMs } from '../model/limits.js';
import { vmGone } from './errors.js';
import { Liveness } from './liveness.js';
import { PauseGate } from './pause-gate.js';
import { Queue } from './queue.js';
import type { GuestTracing } from './trace/guest-tracing.js';

type GoneListener = (exit: VmExit) => void;

/** A VM whose agent has answered. */
export class LiveVm {
  readonly vm: Vm;
  readonly agent: Agent;
  readonly share: PodShare;
  /** Whether it was cloned from a template. */
  readonly isClone: boolean;
  /** Null where nobody traces. */
  readonly tracing: GuestTracing | null;
  /** Ends a VM whose guest is silent; to be suspended while it is paused. */
  readonly liveness: Liveness;
  /** What pauses keep calls out by. */
  readonly gate = new PauseGate();
  readonly #growing = new Queue();
  // A set and not a promise: reactions to a promise that settles late are never freed.
  readonly #listeners = new Set<GoneListener>();
  #exit: VmExit | null = null;
  #size: VmSize;

  constructor(parts: {
    readonly vm: Vm;
    readonly agent: Agent;
    readonly share: PodShare;
    readonly tracing: GuestTracing | null;
    readonly isClone: boolean;
  }) {
    this.vm = parts.vm;
    this.agent = parts.agent;
    this.share = parts.share;
    this.tracing = parts.tracing;
    this.isClone = parts.isClone;
    this.#size = parts.vm.size;
    const { agent } = this;
    this.liveness = new Liveness({
      heard: () => agent.heard,
      ping: (options) => agent.ping(options),
      onSilent: (silentMs) => this.#silent(silentMs),
    });
    void this.vm.exited.then((exit) => this.#gone(exit));
    void this.agent.closed.then((error) => this.#agentLost(error));
  }

  /** Why it is gone; null while it runs. */
  get exit(): VmExit | null {
    return this.#exit;
  }

  /** What the guest uses. What was plugged can be more, where the guest was not asked to use it or has not answered. */
  get size(): VmSize {
    return this.#size;
  }

  /** Calls `listener` once when the VM is gone; the answer takes it back. */
  onGone(listener: GoneListener): () => void {
    if (this.#exit !== null) listener(this.#exit);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Settles as `work` does, or rejects when the VM is gone or the signal fires; it only stops waiting then.
   * @throws VirtcontainersError `invalid-state` at once while the VM is paused
   */
  call<T>(what: string, work: (agent: Agent) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const pass = (): Promise<T> => this.callAlways(what, work, signal);
    return this.#exit === null ? this.gate.pass(what, pass) : pass();
  }

  /**
   * Runs what consists of several calls: a pause waits until it is done.
   * @throws VirtcontainersError `invalid-state` at once while the VM is paused or about to be
   */
  operation<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#exit === null ? this.gate.enter(what, work) : work();
  }

  /** As `operation`, when the VM is not paused any more: for what must not be left behind. */
  operationLater<T>(work: () => Promise<T>): Promise<T> {
    return this.gate.passLater(work, () => this.#exit !== null);
  }

  /** As `call`, for what has no deadline and belongs to processes: a pause holds it up, and nothing is lost. */
  async callPatiently<T>(what: string, work: (agent: Agent) => Promise<T>): Promise<T> {
    await this.gate.runs(() => this.#exit !== null);
    return this.callAlways(what, work);
  }

  /** As `call`, when the VM is not paused any more: for what cleans up behind a process. */
  callLater<T>(what: string, work: (agent: Agent) => Promise<T>): Promise<T> {
    const pass = (): Promise<T> => this.callAlways(what, work);
    return this.gate.passLater(pass, () => this.#exit !== null);
  }

  /** As `call`, also while the VM is paused: for what pauses and resumes it. */
  async callAlways<T>(
    what: string,
    work: (agent: Agent) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    if (signal?.aborted) throw abortError(signal, what);
    if (this.#exit !== null) throw vmGone(what, this.#exit);
    const leave = this.liveness.enter();
    let clean = (): void => {};
    const ended = new Promise<never>((_resolve, reject) => {
      const forget = this.onGone((exit) => reject(vmGone(what, exit)));
      const stop = (): void => {
        if (signal !== undefined) reject(abortError(signal, what));
      };
      signal?.addEventListener('abort', stop, { once: true });
      clean = () => {
        forget();
        signal?.removeEventListener('abort', stop);
      };
    });
    try {
      return await Promise.race([work(this.agent), ended]);
    } catch (error) {
      throw await this.#explain(what, error);
    } finally {
      leave();
      clean();
    }
  }

  /** Grows the VM to at least `size` and has the guest use it. */
  async grow(what: string, size: VmSize, signal?: AbortSignal): Promise<void> {
    await this.#growing.run({ what, signal }, async (growing) => {
      if (holds(this.#size, size)) return;
      // With what an earlier call has plugged, but did not wait for.
      const plugged = this.vm.size;
      const total = {
        cpus: Math.max(plugged.cpus, size.cpus),
        memoryMiB: Math.max(plugged.memoryMiB, size.memoryMiB),
      };
      await span('hot-plug', () => this.call(what, () => this.vm.grow(total), growing));
      await span('agent-online', () => this.call(what, (agent) => agent.online(total), growing));
      this.#size = total;
    });
  }

  // A dead connection is often the first sign of a dead VM, whose own reason says more.
  async #explain(what: string, error: unknown): Promise<unknown> {
    if (!isVirtcontainersError(error) || error.code !== 'unavailable') return error;
    if (this.#exit === null) await this.#settled(vmLossWaitMs);
    return this.#exit === null ? error : vmGone(what, this.#exit);
  }

  async #agentLost(error: Error | undefined): Promise<void> {
    await this.#settled(vmLossWaitMs);
    const because = error === undefined ? '' : `: ${reasonOf(error)}`;
    this.#gone({
      kind: 'failed',
      reason: `the connection to the guest's agent was lost${because}`,
      consoleTail: this.vm.consoleTail(),
      stderrTail: '',
    });
  }

  #silent(silentMs: number): void {
    this.#gone({
      kind: 'failed',
      reason: `the guest does not answer: nothing has come from its agent for ${silentMs / 1000} s`,
      consoleTail: this.vm.consoleTail(),
      stderrTail: '',
    });
  }

  #settled(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#exit !== null) return resolve();
      const timer = setTimeout(finish, timeoutMs);
      const forget = this.onGone(finish);
      function finish(): void {
        clearTimeout(timer);
        forget?.();
        resolve();
      }
    });
  }

  #gone(exit: VmExit): void {
    if (this.#exit !== null) return;
    this.#exit = exit;
    this.liveness.end();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener(exit);
    this.gate.wake();
    this.agent.close();
  }
}

/** Whether a VM is large enough for what is wanted. */
export function holds(size: VmSize, wanted: VmSize): boolean {
  return wanted.cpus <= size.cpus && wanted.memoryMiB <= size.memoryMiB;
}
