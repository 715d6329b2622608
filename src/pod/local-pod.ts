// A pod that this process owns: creating, starting, stopping and deleting it, and what happens when its VM dies.
import { inspect } from 'node:util';
import { waitFor } from '../base/deadline.js';
import {
  isVirtcontainersError,
  reasonOf,
  throwIfAborted,
  VirtcontainersError,
} from '../base/errors.js';
import type { Logger } from '../base/log.js';
import { Undo } from '../base/undo.js';
import type { VmExit } from '../host/hypervisor/hypervisor.js';
import type { ContainerConfig } from '../model/container-config.js';
import type { PodEvent } from '../model/events.js';
import { stopSignalTimeoutMs } from '../model/limits.js';
import type {
  AbortOptions,
  ContainerOptions,
  ContainerRunOptions,
  DeleteOptions,
  StopOptions,
} from '../model/options.js';
import {
  parseContainerOptions,
  parseContainerRunOptions,
} from '../model/parse/container-options.js';
import {
  checkAbortOptions,
  parseDeleteOptions,
  parseStopOptions,
} from '../model/parse/pod-options.js';
import type { CommandRun, Container, Pod, PodStatus } from '../model/pod.js';
import type { PodConfig } from '../model/pod-config.js';
import type { ProgressEvent, Timings } from '../model/progress.js';
import { requireState, type State } from '../model/state.js';
import type { PodStats } from '../model/usage.js';
import { bootVm, endVm, growVm, personalize, toIdentity } from './boot.js';
import { attempt, doing, vmGone } from './errors.js';
import { type EventBody, EventHub } from './events/event-hub.js';
import { listen } from './events/listen.js';
import { firstRecord } from './first-record.js';
import type { LiveVm } from './live-vm.js';
import { LocalContainer } from './local-container.js';
import type { Mechanisms } from './mechanisms.js';
import { pauseVm, resumeVm } from './pause-vm.js';
import { fitHost } from './plan/fit-host.js';
import { planPod } from './plan/plan-pod.js';
import { PodBook } from './pod-record.js';
import type { PodSide } from './pod-side.js';
import { podStats } from './pod-stats.js';
import { Queue } from './queue.js';
import { releaseHandles } from './release-pod.js';
import { runCommand } from './run-command.js';
import { toPodStatus } from './status.js';
import { Steps } from './steps.js';
import { takeId } from './taken.js';
import type { PodTemplates } from './templates/pod-templates.js';
import { rehearse } from './templates/warm-up.js';

export interface CreatePodOptions {
  readonly config: PodConfig;
  readonly signal: AbortSignal;
  readonly onProgress: ((event: ProgressEvent) => void) | undefined;
  /** What it may be cloned from; null boots it cold. */
  readonly templates: PodTemplates | null;
  /** Told of all that happens to it. */
  readonly events: EventHub;
  /** Called once when the pod is no more. */
  readonly onDeleted: () => void;
  /** Nobody has asked for it yet: it is `adopt`ed or deleted. Default false. */
  readonly waiting?: boolean;
  /** This process owns it for others, which it outlives. Default false. */
  readonly detached?: boolean;
}

export class LocalPod implements Pod {
  readonly id: string;
  readonly #mechanisms: Mechanisms;
  readonly #book: PodBook;
  readonly #steps: Steps;
  readonly #log: Logger;
  readonly #onDeleted: () => void;
  readonly #templates: PodTemplates | null;
  readonly #queue = new Queue();
  readonly #containers = new Map<string, LocalContainer>();
  readonly #side: PodSide;
  readonly #events: EventHub;
  #live: LiveVm | null = null;
  #state: State = 'ready';
  // Why the VM is gone where nobody had asked for it.
  #death: VmExit | null = null;
  #deleted = false;
  // Whether anybody can have it: nothing is told of a pod that was never made.
  #isKnown = false;
  // The container that is being created, one at a time: it needs its room already.
  #arriving: ContainerConfig | null = null;
  // The end of a VM that died by itself: whoever boots or deletes waits for it.
  #ending: Promise<void> = Promise.resolve();

  private constructor(
    mechanisms: Mechanisms,
    book: PodBook,
    steps: Steps,
    { onDeleted, events, templates }: Pick<CreatePodOptions, 'onDeleted' | 'events' | 'templates'>,
  ) {
    this.#events = new EventHub(events);
    this.id = book.record.config.id;
    this.#mechanisms = mechanisms;
    this.#book = book;
    this.#steps = steps;
    this.#onDeleted = onDeleted;
    this.#templates = templates;
    this.#log = mechanisms.log.child({ subsystem: 'pod', pod: this.id });
    this.#side = this.#sideForContainers();
  }

  /** Makes a pod and boots its VM; on failure or abort nothing is left. */
  static create(mechanisms: Mechanisms, options: CreatePodOptions): Promise<LocalPod> {
    const { config, signal, onProgress } = options;
    const what = `cannot create pod ${config.id}`;
    const { waiting = false, detached = false } = options;
    const listeners = waiting ? [] : [mechanisms.onProgress, onProgress];
    const steps = new Steps(config.id, listeners, mechanisms.log);
    return doing(what, () =>
      Undo.run(async (undo) => {
        planPod(config, mechanisms.host);
        mechanisms.hypervisor.prepare();
        const book = await steps.run('store', async () => {
          const { store } = mechanisms;
          const owned = await takeId(store, () => store.create(config.id));
          const first = firstRecord(config, { owner: mechanisms.owner, detached, waiting });
          const opened = new PodBook(owned, first);
          undo.add('record', () => letGo(opened));
          await opened.save();
          return opened;
        });
        throwIfAborted(signal, what);
        const pod = new LocalPod(mechanisms, book, steps, options);
        await pod.#boot(what, signal);
        undo.add('VM', async () => {
          await pod.#ending;
          const failures = await pod.#endLiveVm();
          if (failures.length > 0) throw leftOver(what, failures);
        });
        await pod.#save();
        throwIfAborted(signal, what);
        pod.#living(what);
        if (!waiting) pod.#introduce();
        return pod;
      }),
    );
  }

  /**
   * Has a waiting pod do what a container needs first, so that the guest is quicker with the next one.
   * Whatever fails makes it no better than it was; that its VM has died is noticed when it is adopted.
   */
  async rehearse(): Promise<void> {
    const live = this.#living(`cannot warm up pod ${this.id}`);
    live.vm.keepAwake(false);
    const { defaults } = this.#mechanisms;
    await rehearse(live, { directory: this.#book.owned.directory, defaults });
  }

  /**
   * Makes a waiting pod the one that somebody has asked for; on failure or abort nothing is left of it.
   * @param asked has the waiting pod's id
   */
  adopt(asked: Pick<CreatePodOptions, 'config' | 'signal' | 'onProgress'>): Promise<void> {
    const { config, signal, onProgress } = asked;
    const what = `cannot create pod ${this.id}`;
    return doing(what, () =>
      Undo.run(async (undo) => {
        undo.add('pod', () => this.delete({ force: true }));
        const { host, onProgress: always } = this.#mechanisms;
        const { size } = planPod(config, host);
        const live = this.#living(what);
        live.vm.keepAwake(true);
        this.#steps.beginAnew([always, onProgress]);
        this.#book.update({ config, waiting: false, createdAt: new Date().toISOString() });
        const identity = toIdentity(this.#book);
        await personalize(this.#steps, live, { what, identity, signal });
        await growVm(this.#steps, live, { what, size, signal });
        await this.#save();
        throwIfAborted(signal, what);
        this.#living(what);
        this.#introduce();
      }),
    );
  }

  get timings(): Timings {
    return this.#steps.timings;
  }

  get containers(): readonly Container[] {
    return [...this.#containers.values()];
  }

  container(id: string): Container {
    const container = this.#containers.get(id);
    if (container !== undefined) return container;
    const what = `cannot find container ${JSON.stringify(String(id).slice(0, 200))}`;
    throw new VirtcontainersError('not-found', `${what}: pod ${this.id} has none of that id`);
  }

  async createContainer(options: ContainerOptions): Promise<Container> {
    const config = await parseContainerOptions(options, this.#mechanisms.defaults);
    return this.#createQueued(config, options.signal);
  }

  run(options: ContainerRunOptions): CommandRun {
    return runCommand(`cannot run in pod ${this.id}`, () =>
      Undo.run(async (undo) => {
        const request = await parseContainerRunOptions(options, this.#mechanisms.defaults);
        const container = await this.#createQueued(request.config, options.signal);
        undo.add('container', () => container.discard());
        return await container.startRun(request, options.signal);
      }),
    );
  }

  #createQueued(config: ContainerConfig, signal: AbortSignal | undefined): Promise<LocalContainer> {
    const what = `cannot create container ${config.id}`;
    return this.#queue.run({ what, signal }, (creating) =>
      doing(what, () => this.#create(what, config, creating)),
    );
  }

  #create(what: string, config: ContainerConfig, signal: AbortSignal): Promise<LocalContainer> {
    return Undo.run(async (undo) => {
      this.#require(what, ['ready', 'running']);
      if (this.#containers.has(config.id)) {
        throw new VirtcontainersError(
          'already-exists',
          `${what}: pod ${this.id} has one of that id`,
        );
      }
      await takeId(this.#mechanisms.store, () => this.#reserve(config.id));
      undo.add('name', () => this.#book.owned.releaseContainer(config.id));
      this.#arriving = config;
      undo.add('room', () => {
        this.#arriving = null;
      });
      const container = await LocalContainer.create(this.#side, config, signal);
      this.#containers.set(config.id, container);
      this.#arriving = null;
      undo.add('container', async () => {
        this.#containers.delete(config.id);
        await container.leave();
      });
      await this.#save();
      throwIfAborted(signal, what);
      // The VM may have died since: the container is then lost before anybody has it.
      this.#living(what);
      container.events.created();
      return container;
    });
  }

  // A name that this pod has, but no container of, could not be released before.
  async #reserve(containerId: string): Promise<void> {
    const { owned } = this.#book;
    try {
      await owned.reserveContainer(containerId);
    } catch (error) {
      if (!isVirtcontainersError(error) || error.details['podId'] !== this.id) throw error;
      await owned.releaseContainer(containerId);
      await owned.reserveContainer(containerId);
    }
  }

  async start(options?: AbortOptions): Promise<void> {
    const what = `cannot start pod ${this.id}`;
    await checkAbortOptions(what, options);
    this.#requireKnown(what);
    this.#live?.gate.check(what);
    const wasStopped = this.#state === 'stopped';
    await this.#booted(what, options?.signal);
    for (const container of [...this.#containers.values()]) {
      const { state } = container.record;
      if (state === 'ready' || (wasStopped && state === 'stopped')) await container.start(options);
    }
    if (this.#state !== 'ready') return;
    this.#started();
    await this.#save();
  }

  async pause(options?: AbortOptions): Promise<void> {
    const what = `cannot pause pod ${this.id}`;
    await checkAbortOptions(what, options);
    this.#require(what, ['running']);
    await this.#queue.run({ what, signal: options?.signal }, async (signal) => {
      this.#require(what, ['running']);
      const live = this.#living(what);
      await pauseVm(live, this.#pauseOptions(live, what, signal));
      this.#tell({ kind: 'pod-paused' });
    });
  }

  async resume(options?: AbortOptions): Promise<void> {
    const what = `cannot resume pod ${this.id}`;
    await checkAbortOptions(what, options);
    this.#require(what, ['paused']);
    await this.#queue.run({ what, signal: options?.signal }, async (signal) => {
      this.#require(what, ['paused']);
      const live = this.#living(what);
      await resumeVm(live, this.#pauseOptions(live, what, signal));
      this.#tell({ kind: 'pod-resumed' });
    });
  }

  async stats(options?: AbortOptions): Promise<PodStats> {
    const what = `cannot get the statistics of pod ${this.id}`;
    await checkAbortOptions(what, options);
    this.#require(what, ['ready', 'running']);
    const running = [...this.#containers.values()].filter(({ record }) =>
      ['running', 'paused'].includes(record.state),
    );
    const ids = running.map(({ id }) => id);
    return doing(what, () => podStats(this.#living(what), { what, ids, signal: options?.signal }));
  }

  events(options?: AbortOptions): AsyncIterableIterator<PodEvent, undefined> {
    return listen(this.#events, `cannot listen to the events of pod ${this.id}`, options);
  }

  async stop(options?: StopOptions): Promise<void> {
    const what = `cannot stop pod ${this.id}`;
    const { graceMs } = await parseStopOptions(what, options, this.#mechanisms.defaults);
    if (this.#deleted) return;
    this.#queue.interrupt('stop', 'the pod is being stopped');
    await this.#queue.run({ what, signal: options?.signal, yieldsTo: 'delete' }, async (hurry) => {
      await this.#ending;
      if (this.#deleted || this.#live === null) return;
      await this.#wakeUp(what, this.#live);
      await this.#stopContainers({ graceMs, signal: options?.signal, hurry });
      const failures = await this.#endLiveVm();
      await this.#save();
      if (failures.length > 0) throw leftOver(what, failures);
    });
  }

  async delete(options?: DeleteOptions): Promise<void> {
    const what = `cannot delete pod ${this.id}`;
    const { force } = await parseDeleteOptions(what, options);
    if (this.#deleted) return;
    if (force) this.#hurry('the pod is being deleted');
    else this.#require(what, ['ready', 'stopped']);
    await this.#queue.run({ what, signal: options?.signal, yieldsTo: 'nothing' }, async () => {
      if (this.#deleted) return;
      if (!force) this.#require(what, ['ready', 'stopped']);
      await this.#ending;
      if (this.#live !== null) {
        await this.#wakeUp(what, this.#live);
        await this.#quiesce();
        await this.#endLiveVm();
      }
      await this.#steps.run('release', () => this.#remove(what));
    });
  }

  async status(): Promise<PodStatus> {
    this.#requireKnown(`cannot tell the status of pod ${this.id}`);
    const status = toPodStatus(this.#currentRecord(), true);
    return this.#live === null ? status : { ...status, ...this.#live.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete({ force: true });
  }

  toJSON(): object {
    const containers = this.containers.map(({ id }) => id);
    return { id: this.id, state: this.#state, containers };
  }

  [inspect.custom](): string {
    return `Pod ${inspect(this.toJSON())}`;
  }

  async #boot(what: string, signal: AbortSignal): Promise<void> {
    const { config } = this.#book.record;
    const live = await bootVm(this.#mechanisms, {
      what,
      plan: planPod(config, this.#mechanisms.host),
      book: this.#book,
      steps: this.#steps,
      templates: this.#templates,
      signal,
    });
    this.#live = live;
    this.#death = null;
    this.#state = 'ready';
    this.#book.update({
      accelerator: live.vm.accelerator.kind,
      origin: live.isClone ? 'clone' : 'boot',
    });
    live.onGone((exit) => this.#vmDied(live, exit));
  }

  async #booted(what: string, signal: AbortSignal | undefined): Promise<LiveVm> {
    if (this.#live !== null) return this.#live;
    await this.#queue.run({ what, signal }, async (booting) => {
      await this.#ending;
      this.#requireKnown(what);
      if (this.#live !== null) return;
      try {
        await doing(what, () => this.#boot(what, booting));
      } finally {
        // Booted or not, the handles have changed.
        await this.#save();
      }
      if (this.#live !== null) this.#tell({ kind: 'pod-ready' });
    });
    return this.#living(what);
  }

  #living(what: string): LiveVm {
    if (this.#live !== null) return this.#live;
    if (this.#death !== null) throw vmGone(what, this.#death);
    throw new VirtcontainersError('invalid-state', `${what}: the pod is stopped`);
  }

  // Nobody asked for it: everything waiting has been told already, what is left is to release.
  #vmDied(live: LiveVm, exit: VmExit): void {
    if (this.#live !== live) return;
    this.#live = null;
    this.#death = exit;
    this.#state = 'stopped';
    for (const container of this.#containers.values()) container.vmEnded(exit);
    this.#tell({ kind: 'pod-stopped', why: 'vm-gone', message: exit.reason });
    this.#log.warn({ reason: exit.reason }, 'the VM is gone');
    this.#ending = this.#releaseDead(live);
  }

  async #releaseDead(live: LiveVm): Promise<void> {
    const failures = await endVm(this.#mechanisms, this.#book, live);
    const unsaved = await attempt('record', () => this.#save());
    for (const failure of [...failures, ...unsaved]) {
      this.#log.warn({ reason: failure }, 'a VM that died was not released whole');
    }
  }

  async #stopContainers(how: {
    readonly graceMs: number;
    readonly signal: AbortSignal | undefined;
    readonly hurry: AbortSignal;
  }): Promise<void> {
    const stops = [...this.#containers.values()].map(async (container) => {
      container.interrupt('stop', 'the pod is being stopped');
      try {
        await container.stopWithPod(how);
      } catch (error) {
        // A guest that does not answer ends with its VM; a caller who gave up keeps both.
        if (how.signal?.aborted) throw error;
        this.#log.warn(
          { container: container.id, reason: reasonOf(error) },
          'not stopped in order',
        );
      }
    });
    const results = await Promise.allSettled(stops);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  // Before the VM is ended under them: what containers wrote to the host must be there, what has ended must be told whole.
  async #quiesce(): Promise<void> {
    await Promise.all(
      [...this.#containers.values()].map((container) =>
        container.writesToHost
          ? attempt('stop', () => container.stopWithPod({ graceMs: 0 }))
          : container.drawn(),
      ),
    );
  }

  async #endLiveVm(): Promise<readonly string[]> {
    const live = this.#live;
    if (live === null) return [];
    // First of all: its end is asked for now, and not a death.
    this.#live = null;
    this.#state = 'stopped';
    await live.tracing?.collect();
    const failures = await this.#steps.run('vm-stop', () =>
      endVm(this.#mechanisms, this.#book, live),
    );
    for (const container of this.#containers.values()) container.vmEnded(live.exit ?? undefined);
    this.#tell({ kind: 'pod-stopped', why: 'requested', message: null });
    return failures;
  }

  async #remove(what: string): Promise<void> {
    const failures = await releaseHandles(this.#mechanisms, this.id, this.#book);
    if (failures.length > 0) {
      await attempt('record', () => this.#save());
      throw leftOver(what, failures);
    }
    this.#deleted = true;
    for (const container of this.#containers.values()) container.forgotten();
    this.#containers.clear();
    try {
      await this.#book.owned.remove();
    } catch (error) {
      this.#deleted = false;
      throw leftOver(what, [reasonOf(error)]);
    }
    this.#tell({ kind: 'pod-deleted' });
    this.#events.end();
    this.#onDeleted();
  }

  // A guest that stands still can end nothing in order. One that does not go on ends with its VM.
  async #wakeUp(what: string, live: LiveVm): Promise<void> {
    if (this.#state !== 'paused') return;
    const signal = AbortSignal.timeout(stopSignalTimeoutMs);
    try {
      const options = { ...this.#pauseOptions(live, what, signal), save: async () => {} };
      await waitFor(resumeVm(live, options), { what, timeoutMs: stopSignalTimeoutMs });
      this.#tell({ kind: 'pod-resumed' });
    } catch (error) {
      this.#log.warn({ reason: reasonOf(error) }, 'a paused VM did not go on');
    }
  }

  #pauseOptions(live: LiveVm, what: string, signal: AbortSignal) {
    return {
      what,
      signal,
      identity: toIdentity(this.#book),
      setState: (state: 'running' | 'paused'): void => {
        if (this.#live === live) this.#state = state;
      },
      save: () => this.#save(),
    };
  }

  #started(): void {
    this.#state = 'running';
    this.#tell({ kind: 'pod-started' });
  }

  #introduce(): void {
    this.#isKnown = true;
    this.#tell({ kind: 'pod-ready' });
  }

  #tell(event: EventBody): void {
    if (this.#isKnown) this.#events.tell(this.id, event);
  }

  #hurry(reason: string): void {
    this.#queue.interrupt('delete', reason);
    for (const container of this.#containers.values()) container.interrupt('delete', reason);
  }

  #currentRecord() {
    this.#book.update({
      state: this.#state,
      containers: [...this.#containers.values()].map((container) => container.record),
    });
    return this.#book.record;
  }

  async #save(): Promise<void> {
    this.#currentRecord();
    if (!this.#deleted) await this.#book.save();
  }

  #require(what: string, allowed: readonly State[]): void {
    this.#requireKnown(what);
    requireState(what, 'pod', this.#state, allowed);
  }

  #requireKnown(what: string): void {
    if (!this.#deleted) return;
    throw new VirtcontainersError('not-found', `${what}: the pod has been deleted`);
  }

  #sideForContainers(): PodSide {
    const book = this.#book;
    return {
      pod: this,
      get hostname() {
        return book.record.config.hostname;
      },
      steps: this.#steps,
      log: this.#log,
      defaults: this.#mechanisms.defaults,
      vm: (what) => this.#living(what),
      booted: (what, signal) => this.#booted(what, signal),
      makeRoom: (live, { what, containerId, resources, signal }) => {
        const others = [...this.#containers.values()].filter(
          (container) => container.inGuest && container.id !== containerId,
        );
        const configs = others.map((container) => container.config);
        const arriving = this.#arriving;
        if (arriving !== null && arriving.id !== containerId) configs.push(arriving);
        const containers = [...configs.map((config) => config.resources), resources];
        const pod = this.#book.record.config;
        const size = fitHost(what, { pod, containers }, this.#mechanisms.host);
        return growVm(this.#steps, live, { what, size, signal });
      },
      keepOutput: (containerId, init) => this.#mechanisms.keepOutput?.(containerId, init),
      started: () => {
        if (this.#state === 'ready') this.#started();
      },
      tell: (event) => this.#tell(event),
      save: () => this.#save(),
      forget: async (containerId) => {
        await this.#book.owned.releaseContainer(containerId);
        this.#containers.delete(containerId);
      },
    };
  }
}

// A handle that could not be released must not be forgotten: then the record stays for `gc`, which needs its lock.
async function letGo(book: PodBook): Promise<void> {
  try {
    if (book.record.handles.length === 0) await book.owned.remove();
    else await attempt('record', () => book.save());
  } finally {
    await book.owned.close();
  }
}

function leftOver(what: string, failures: readonly string[]): VirtcontainersError {
  return new VirtcontainersError('internal', `${what}: ${failures.join('; ')}`, {
    details: { failedCleanups: failures },
    hint: 'what is left is in the record: repeat the call, or run gc when this process has ended',
  });
}
