// A container of a pod that this process owns: its states, and what each verb does in order.
import { inspect } from 'node:util';
import {
  isVirtcontainersError,
  reasonOf,
  throwIfAborted,
  VirtcontainersError,
  withDetails,
} from '../base/errors.js';
import type { Agent, GuestStats } from '../host/agent/agent.js';
import type { VmExit } from '../host/hypervisor/hypervisor.js';
import type { ContainerRecord } from '../host/store/store.js';
import type { ContainerConfig, TerminalSize } from '../model/container-config.js';
import { type ExitStatus, signalNumber } from '../model/exit-status.js';
import { agentCallTimeoutMs } from '../model/limits.js';
import type {
  AbortOptions,
  DeleteOptions,
  ExecOptions,
  LinesOptions,
  OutputOptions,
  RunOptions,
  StopOptions,
} from '../model/options.js';
import type { ContainerRunRequest } from '../model/parse/container-options.js';
import {
  checkAbortOptions,
  parseDeleteOptions,
  parseStopOptions,
} from '../model/parse/pod-options.js';
import {
  type ExecRequest,
  parseExecOptions,
  parseRunOptions,
} from '../model/parse/process-options.js';
import type { CommandRun, Container, ContainerStatus, Pod, Process } from '../model/pod.js';
import type { ProcessResult } from '../model/process-result.js';
import { requireState, type State } from '../model/state.js';
import type { ContainerStats, ProcessList } from '../model/usage.js';
import { endOnDemand } from './end-group.js';
import { endProcesses } from './end-processes.js';
import { attempt, doing, during, duringCommand, vmGone } from './errors.js';
import { ContainerEvents } from './events/container-events.js';
import { ExecProcesses } from './exec-processes.js';
import { freeze } from './freeze.js';
import { enterGuest, type GuestContainer, leaveGuest } from './guest-container.js';
import type { EndHow } from './held-process.js';
import type { LiveVm } from './live-vm.js';
import { LocalProcess } from './local-process.js';
import type { PodSide } from './pod-side.js';
import { Queue } from './queue.js';
import { runCommand, type StartedCommand } from './run-command.js';
import { settleBriefly } from './settle.js';
import { toContainerStatus } from './status.js';

// After its end a process's last output is drawn; a guest that goes on for longer is cut off.
const drawMs = 2_000;

interface StopHow {
  /** 0 means SIGKILL at once. */
  readonly graceMs: number;
  /** Gives up during the grace. */
  readonly signal?: AbortSignal | undefined;
  /** Cuts the grace short. */
  readonly hurry?: AbortSignal | undefined;
}

/** Carries out a stop in the VM, kept apart from pauses. */
type Within = (live: LiveVm, stop: () => Promise<void>) => Promise<void>;

export class LocalContainer implements Container {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly events: ContainerEvents;
  readonly #side: PodSide;
  readonly #queue = new Queue();
  readonly #execs: ExecProcesses;
  #record: ContainerRecord;
  #guest: GuestContainer | null = null;
  #init: LocalProcess | null = null;
  #entering = false;
  #deleted = false;

  private constructor(side: PodSide, config: ContainerConfig) {
    this.id = config.id;
    this.config = config;
    this.#side = side;
    this.events = new ContainerEvents(config.id, side.tell);
    this.#execs = new ExecProcesses(config, side, this.events);
    this.#record = {
      config,
      state: 'ready',
      createdAt: new Date().toISOString(),
      startedAt: null,
      finishedAt: null,
      exit: null,
    };
  }

  /** Makes a container in a running VM; it waits for `start`. On failure or abort nothing is left. */
  static async create(
    side: PodSide,
    config: ContainerConfig,
    signal: AbortSignal,
  ): Promise<LocalContainer> {
    const what = `cannot create container ${config.id}`;
    const container = new LocalContainer(side, config);
    await container.#enter(what, signal);
    return container;
  }

  get pod(): Pod {
    return this.#side.pod;
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** Whether it holds, or is about to hold, memory and processors of the VM. */
  get inGuest(): boolean {
    return this.#guest !== null || this.#entering;
  }

  /** Whether ending the VM under it could lose what it has written to the host. */
  get writesToHost(): boolean {
    const { rootfs, readOnlyRootfs, mounts } = this.config;
    if (rootfs.writes === 'host' && !readOnlyRootfs) return true;
    return mounts.some((mount) => mount.kind === 'bind' && !mount.readOnly);
  }

  get command(): readonly string[] {
    return this.config.process.command;
  }

  get stdin() {
    return this.#run.stdin;
  }

  get stdout() {
    return this.#run.stdout;
  }

  get stderr() {
    return this.#run.stderr;
  }

  async start(options?: AbortOptions): Promise<void> {
    const what = `cannot start container ${this.id}`;
    await checkAbortOptions(what, options);
    this.#requireStartable(what);
    const signal = options?.signal;
    await this.#side.booted(what, signal);
    await this.#queue.run({ what, signal }, (running) =>
      this.#side.vm(what).operation(what, async () => {
        this.#requireStartable(what);
        if (this.#record.state === 'stopped') await this.#enterAgain(what, running);
        const start = (): Promise<void> => this.#startInit(what, running);
        await this.#side.steps.run('container-start', start, this.id);
      }),
    );
  }

  async exec(command: readonly string[], options?: ExecOptions): Promise<Process> {
    return (await this.#exec(command, options)).process;
  }

  /** As `exec`, but whoever asks ends it when its time is over. */
  async startExec(
    command: readonly string[],
    options?: ExecOptions,
  ): Promise<{ readonly process: LocalProcess; readonly request: ExecRequest }> {
    return this.#exec(command, options, null);
  }

  // @param timeoutMs other than asked for
  async #exec(
    command: readonly string[],
    options?: ExecOptions,
    timeoutMs?: null,
  ): Promise<{ readonly process: LocalProcess; readonly request: ExecRequest }> {
    const what = `cannot exec in container ${this.id}`;
    this.#require(what, ['running']);
    const request = await parseExecOptions(this.config, command, options);
    const end = timeoutMs === undefined ? request.end : { ...request.end, timeoutMs };
    const findVm = (): LiveVm => this.#living(what);
    const started = { ...request, end };
    const process = await this.#execs.start(what, findVm, started, options?.signal);
    return { process, request };
  }

  run(command: readonly string[], options?: RunOptions): CommandRun {
    const what = `cannot run in container ${this.id}`;
    return runCommand(what, async () => {
      this.#require(what, ['running']);
      const request = await parseRunOptions(this.config, command, options);
      const findVm = () => this.#living(what);
      const process = await this.#execs.start(what, findVm, request, options?.signal);
      return { process, request };
    });
  }

  async wait(options?: AbortOptions): Promise<ExitStatus> {
    return this.#run.wait(options);
  }

  /** Starts it and has its init end with the time or the signal of `run`; a failure leaves it as `start` does. */
  async startRun(
    request: ContainerRunRequest,
    signal: AbortSignal | undefined,
  ): Promise<StartedCommand> {
    await this.start(signal === undefined ? {} : { signal });
    const process = this.#run;
    endOnDemand(process, { ...request.end, what: `cannot finish container ${this.id}`, signal });
    return { process, request, release: () => this.discard() };
  }

  /** Ends all that came from its init, itself included; nobody is told that it was asked for. */
  async endGroup(how: EndHow): Promise<void> {
    this.#requireKnown(`cannot end container ${this.id}`);
    await this.#run.endGroup(how);
  }

  output(options?: OutputOptions): Promise<ProcessResult> {
    return this.#run.output(options);
  }

  lines(options?: LinesOptions): AsyncIterableIterator<string> {
    return this.#run.lines(options);
  }

  async kill(signalName?: NodeJS.Signals | string | number, options?: AbortOptions): Promise<void> {
    this.#requireKnown(`cannot signal container ${this.id}`);
    await this.#run.kill(signalName, options);
  }

  async resize(size: TerminalSize, options?: AbortOptions): Promise<void> {
    this.#requireKnown(`cannot resize the terminal of container ${this.id}`);
    await this.#run.resize(size, options);
  }

  async pause(options?: AbortOptions): Promise<void> {
    await this.#freeze('paused', options);
  }

  async resume(options?: AbortOptions): Promise<void> {
    await this.#freeze('running', options);
  }

  async processes(options?: AbortOptions): Promise<ProcessList> {
    const what = `cannot list the processes of container ${this.id}`;
    await checkAbortOptions(what, options);
    this.#require(what, ['running', 'paused']);
    const live = this.#living(what);
    const list = (agent: Agent): Promise<ProcessList> => agent.listProcesses(this.id);
    return doing(what, () => live.call(what, list, options?.signal));
  }

  async stats(options?: AbortOptions): Promise<ContainerStats> {
    const what = `cannot get the statistics of container ${this.id}`;
    await checkAbortOptions(what, options);
    this.#require(what, ['running', 'paused']);
    const live = this.#living(what);
    const query = { containerIds: [this.id], machine: false };
    const ask = (agent: Agent): Promise<GuestStats> => agent.stats(query);
    const answer = await doing(what, () => live.call(what, ask, options?.signal));
    const [stats] = answer.containers;
    if (stats !== undefined) return stats;
    throw new VirtcontainersError('not-found', `${what}: the guest has no such container`);
  }

  async stop(options?: StopOptions): Promise<void> {
    const what = `cannot stop container ${this.id}`;
    const { graceMs } = await parseStopOptions(what, options, this.#side.defaults);
    const signal = options?.signal;
    await this.#queue.run({ what, signal, yieldsTo: 'delete' }, async (hurry) => {
      if (this.#guest === null) return;
      const stop = (): Promise<void> => this.#stop(what, { graceMs, signal, hurry });
      await this.#guest.live.operation(what, () =>
        this.#side.steps.run('container-stop', stop, this.id),
      );
      await doing(what, () => this.#side.save());
    });
  }

  async delete(options?: DeleteOptions): Promise<void> {
    const what = `cannot delete container ${this.id}`;
    const { force } = await parseDeleteOptions(what, options);
    if (this.#deleted) return;
    if (!force) this.#require(what, ['ready', 'stopped']);
    else this.interrupt('delete', 'the container is being deleted');
    // Not in a paused pod, also by force: deleted without the guest, it would run on when the pod is resumed.
    const within: Within = (live, stop) => live.operation(what, stop);
    await this.#delete(what, { force, signal: options?.signal, within });
  }

  /** As `delete` by force, but as soon as the pod is not paused: what `run` has made has no other owner. */
  async discard(): Promise<void> {
    const live = this.#guest?.live;
    if (live === undefined) return this.delete({ force: true });
    this.interrupt('delete', 'the container is being deleted');
    const within: Within = (_live, stop) => stop();
    const what = `cannot delete container ${this.id}`;
    await live.operationLater(() => this.#delete(what, { force: true, signal: undefined, within }));
  }

  async #delete(
    what: string,
    how: {
      readonly force: boolean;
      readonly signal: AbortSignal | undefined;
      readonly within: Within;
    },
  ): Promise<void> {
    const { force, signal, within } = how;
    await this.#queue.run({ what, signal, yieldsTo: 'nothing' }, async () => {
      if (this.#deleted) return;
      if (!force) this.#require(what, ['ready', 'stopped']);
      const stop = async (): Promise<void> => {
        try {
          await this.#stop(what, { graceMs: 0 });
        } catch (error) {
          if (!force) throw error;
          const reason = reasonOf(error);
          this.#side.log.warn({ container: this.id, reason }, 'deleted without the guest');
        }
      };
      await (this.#guest === null ? stop() : within(this.#guest.live, stop));
      await doing(what, async () => {
        await this.#side.forget(this.id);
        this.forgotten();
        await this.#side.save();
      });
    });
  }

  async status(): Promise<ContainerStatus> {
    this.#requireKnown(`cannot tell the status of container ${this.id}`);
    return toContainerStatus(this.#record);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete({ force: true });
  }

  toJSON(): object {
    return { ...toContainerStatus(this.#record), podId: this.pod.id };
  }

  [inspect.custom](): string {
    const { id, state, command } = toContainerStatus(this.#record);
    return `Container ${inspect({ id, podId: this.pod.id, state, command })}`;
  }

  /** As `stop`, for a pod that ends: its VM has the last word, so nothing is saved. */
  async stopWithPod(how: StopHow): Promise<void> {
    const what = `cannot stop container ${this.id}`;
    const { signal } = how;
    await this.#queue.run({ what, signal, yieldsTo: 'delete' }, async (hurried) => {
      const hurry = how.hurry === undefined ? hurried : AbortSignal.any([how.hurry, hurried]);
      if (this.#guest === null) return;
      const stop = (): Promise<void> => this.#stop(what, { ...how, hurry });
      await this.#side.steps.run('container-stop', stop, this.id);
    });
  }

  /** Leaves the guest: the container was never handed out. */
  async leave(): Promise<void> {
    const what = `cannot remove container ${this.id}`;
    this.#deleted = true;
    await this.#leave(what);
    this.vmEnded();
  }

  /** Hurries what runs on it and ends what waits for it. */
  interrupt(by: 'stop' | 'delete', reason: string): void {
    this.#queue.interrupt(by, reason);
  }

  /** Waits, bounded, until the last output of processes that have ended is here. */
  async drawn(): Promise<void> {
    const ended = [this.#init, ...this.#execs.all].filter((process) => process?.ended);
    await settleBriefly(Promise.all(ended.map((process) => process?.finished)), drawMs);
  }

  /** The VM is gone, and with it what the container was in it. @param exit why, if nobody asked for it */
  vmEnded(exit?: VmExit): void {
    this.#guest = null;
    if (this.#record.state !== 'stopped') this.#ended(null);
    this.events.settle();
    const what = `cannot wait for container ${this.id}`;
    this.#init?.lose(exit === undefined ? this.#neverEnded() : vmGone(what, exit));
  }

  /** The container is no more. */
  forgotten(): void {
    this.#deleted = true;
    this.vmEnded();
    this.events.deleted(this.#record.exit);
  }

  get #run(): LocalProcess {
    if (this.#init !== null) return this.#init;
    throw new VirtcontainersError(
      'internal',
      `cannot use container ${this.id}: it was never created`,
    );
  }

  #living(what: string) {
    return this.#guest?.live ?? this.#side.vm(what);
  }

  // Binds, room and a new init in the VM.
  async #enter(what: string, signal: AbortSignal): Promise<void> {
    const live = this.#side.vm(what);
    const { config } = this;
    const room = { what, containerId: this.id, resources: config.resources, signal };
    await doing(what, () => this.#side.makeRoom(live, room));
    const podHostname = this.#side.hostname;
    const guest = await this.#side.steps.run(
      'container-create',
      () => enterGuest(live, { what, config, podHostname, signal }),
      this.id,
    );
    const init = new LocalProcess(live, {
      id: this.id,
      command: config.process.command,
      name: `container ${this.id}`,
      ref: { containerId: this.id, processId: '' },
      stdin: config.process.stdin,
      terminal: config.process.terminal !== null,
    });
    this.#guest = guest;
    this.#init = init;
    init.exited.then(
      (exit) => this.#initEnded(init, exit),
      (error) => this.#initEnded(init, null, error),
    );
    this.#side.keepOutput(this.id, init);
    init.begin();
  }

  // What is left of the run before is removed first: each run begins with a fresh root.
  async #enterAgain(what: string, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal, what);
    this.#entering = true;
    try {
      await this.#leave(what);
      await this.#enter(what, signal);
    } finally {
      this.#entering = false;
    }
  }

  async #startInit(what: string, signal: AbortSignal): Promise<void> {
    const live = this.#living(what);
    const id = this.id;
    this.#init?.started();
    let starting: Promise<void> | undefined;
    this.events.starting();
    // Before the answer: a short program may have ended when it comes.
    this.#record = {
      ...this.#record,
      state: 'running',
      startedAt: new Date().toISOString(),
      finishedAt: null,
      exit: null,
    };
    try {
      await live.call(
        what,
        (agent) => {
          starting = agent.startContainer(id, { timeoutMs: agentCallTimeoutMs });
          return starting;
        },
        signal,
      );
      this.#side.started();
      await this.#side.save();
      this.events.started();
    } catch (error) {
      // Nobody can tell whether init has begun: the container leaves the guest and can be started again.
      await settleBriefly(starting);
      const failure = duringCommand(what, this.config.process.command, error);
      this.#init?.lose(failure);
      if (this.#record.state !== 'stopped') this.#ended(null);
      this.events.settle();
      const failedCleanups = await attempt('guest', () => this.#leave(what));
      await attempt('record', () => this.#side.save());
      if (failedCleanups.length === 0) throw failure;
      throw withDetails(failure, { failedCleanups });
    }
  }

  async #stop(what: string, how: StopHow): Promise<void> {
    const guest = this.#guest;
    const init = this.#init;
    if (guest === null || init === null) return;
    if (this.#record.state === 'running' || this.#record.state === 'paused') {
      const stopSignal = signalNumber(this.config.stopSignal) ?? 15;
      const failed = await endProcesses(guest.live, init, {
        what,
        containerId: this.id,
        stopSignal,
        isPaused: this.#record.state === 'paused',
        onResumed: () => this.#goesOn(),
        ...how,
      }).catch((error: unknown) => error);
      // A container that cannot be ended is not called stopped; who deletes it goes on without the guest's answer.
      if (failed !== undefined) throw during(what, failed);
      await this.drawn();
    } else if (this.#record.state === 'ready') {
      init.lose(this.#neverEnded());
      this.#ended(null);
    }
    await this.#leave(what);
  }

  // A stop that is given up leaves it so.
  #goesOn(): void {
    if (this.#record.state !== 'paused') return;
    this.#record = { ...this.#record, state: 'running' };
    this.events.resumed();
  }

  async #leave(what: string): Promise<void> {
    const guest = this.#guest;
    if (guest === null) return;
    await this.drawn();
    const failures = await leaveGuest(guest, this.id);
    this.#init?.cut();
    if (this.#guest !== guest) return;
    if (failures.length > 0 && guest.live.exit === null) {
      throw new VirtcontainersError('internal', `${what}: ${failures.join('; ')}`, {
        hint: 'delete the container with `force`',
      });
    }
    this.#guest = null;
  }

  #initEnded(init: LocalProcess, exit: ExitStatus | null, error?: unknown): void {
    if (this.#init !== init || this.#record.state === 'stopped') return;
    const { log } = this.#side;
    if (error !== undefined)
      log.debug({ container: this.id, reason: reasonOf(error) }, 'a container was lost');
    this.#ended(exit);
    this.#side.save().catch((failure: unknown) => {
      if (this.#deleted || isGone(failure)) return;
      log.warn({ container: this.id, err: failure }, "a container's end could not be recorded");
    });
  }

  #ended(exit: ExitStatus | null): void {
    this.#record = {
      ...this.#record,
      state: 'stopped',
      exit,
      finishedAt: new Date().toISOString(),
    };
    this.events.exited(exit);
  }

  async #freeze(to: 'paused' | 'running', options: AbortOptions | undefined): Promise<void> {
    const [verb, from] = to === 'paused' ? ['pause', 'running'] : ['resume', 'paused'];
    const what = `cannot ${verb} container ${this.id}`;
    await checkAbortOptions(what, options);
    const only = [from as State];
    this.#require(what, only);
    await this.#queue.run({ what, signal: options?.signal }, async (signal) => {
      this.#require(what, only);
      const live = this.#living(what);
      await live.operation(what, () =>
        freeze(live, {
          what,
          signal,
          to,
          containerId: this.id,
          // It may have ended meanwhile, which is for good.
          setState: (state) => {
            if (this.#record.state !== 'stopped') this.#record = { ...this.#record, state };
            return this.#record.state === state;
          },
          save: () => this.#side.save(),
        }),
      );
      if (to === 'paused') this.events.paused();
      else this.events.resumed();
    });
  }

  #neverEnded(): VirtcontainersError {
    return new VirtcontainersError(
      'invalid-state',
      `cannot wait for container ${this.id}: it was removed from its VM before it ended`,
    );
  }

  #requireStartable(what: string): void {
    this.#require(what, ['ready', 'stopped']);
  }

  #require(what: string, allowed: readonly State[]): void {
    this.#requireKnown(what);
    requireState(what, 'container', this.#record.state, allowed);
  }

  #requireKnown(what: string): void {
    if (!this.#deleted) return;
    throw new VirtcontainersError('not-found', `${what}: the container has been deleted`);
  }
}

function isGone(error: unknown): boolean {
  return isVirtcontainersError(error) && error.code === 'not-found';
}
