// The pods of one run root: makes them, finds them, deletes them, whoever owns them.
import {
  hasLeftovers,
  isVirtcontainersError,
  reasonOf,
  throwIfAborted,
  VirtcontainersError,
  withDetails,
} from '../base/errors.js';
import type { LogSource } from '../host/logs/logs.js';
import type { PodEvent } from '../model/events.js';
import { validateId } from '../model/id.js';
import { warmRefillMs } from '../model/limits.js';
import type { LogEntry, LogOptions } from '../model/logs.js';
import type {
  AbortOptions,
  ContainerOptions,
  DeleteOptions,
  PodOptions,
} from '../model/options.js';
import { parseContainerOptions } from '../model/parse/container-options.js';
import { parseLogOptions } from '../model/parse/log-options.js';
import {
  checkAbortOptions,
  parseDeleteOptions,
  parsePodOptions,
} from '../model/parse/pod-options.js';
import type { PlannedPod } from '../model/planned-pod.js';
import type { GcReport, Pod, PodListEntry, PodStatus, Runtime } from '../model/pod.js';
import type { RuntimeTemplates } from '../model/template.js';
import { ComingPods } from './coming-pods.js';
import { describePod } from './describe-pod.js';
import { doing } from './errors.js';
import { EventHub } from './events/event-hub.js';
import { listen } from './events/listen.js';
import { LocalPod } from './local-pod.js';
import type { Mechanisms } from './mechanisms.js';
import { planPod } from './plan/plan-pod.js';
import { glanceAt, listEntries, type PodGlance } from './pod-entries.js';
import { removeDeadPod } from './release-pod.js';
import { PodTemplates } from './templates/pod-templates.js';
import { LocalTemplates } from './templates/runtime-templates.js';
import { WaitingPods } from './templates/waiting-pods.js';

export interface LocalRuntimeOptions {
  /** How many pods are made before anybody asks for them. Default 0. */
  readonly warm?: number;
  /** How long after one was handed out the next is begun, in milliseconds; for tests. */
  readonly warmRefillMs?: number;
  /** This process owns pods for others, which they outlive: all are `detached`, else none can be. Default false. */
  readonly isShim?: boolean;
}

export class LocalRuntime implements Runtime {
  readonly templates: RuntimeTemplates;
  readonly #load: () => Promise<Mechanisms>;
  readonly #pods = new Map<string, LocalPod>();
  readonly #coming = new ComingPods();
  readonly #events = new EventHub();
  readonly #waiting: WaitingPods;
  readonly #isShim: boolean;
  #mechanisms: Promise<Mechanisms> | undefined;
  #podTemplates: PodTemplates | undefined;

  /** @param load gets the mechanisms at first use; tried again after a failure */
  constructor(load: () => Promise<Mechanisms>, options: LocalRuntimeOptions = {}) {
    this.#load = load;
    this.#isShim = options.isShim ?? false;
    this.#waiting = new WaitingPods({
      count: options.warm ?? 0,
      refillMs: options.warmRefillMs ?? warmRefillMs,
      make: (id, signal) => this.#makeWaiting(id, signal),
      onFailure: (id, error, left) => this.#noteUnmade(id, error, left),
    });
    this.#waiting.fillSoon();
    this.templates = new LocalTemplates(async () => {
      const mechanisms = await this.#ready();
      return { mechanisms, podTemplates: this.#templatesOf(mechanisms) };
    });
  }

  /** What it stands on, loaded at first use. */
  mechanisms(): Promise<Mechanisms> {
    return this.#ready();
  }

  /** Whether this process has the pod, or is about to. */
  has(id: string): boolean {
    return this.#pods.has(id) || this.#coming.has(id);
  }

  async createPod(options: PodOptions = {}): Promise<Pod> {
    const mechanisms = await this.#ready();
    const asked = await parsePodOptions(options, mechanisms.defaults);
    planPod(asked, mechanisms.host);
    if (options.detached === true && !this.#isShim) {
      const what = `cannot create pod ${asked.id}`;
      throw new VirtcontainersError('unsupported', `${what}: it would end with this process`);
    }
    throwIfAborted(options.signal, `cannot create pod ${asked.id}`);
    const fromTemplate = options.template ?? mechanisms.defaults.template;
    const waiting = fromTemplate && options.id === undefined ? this.#waiting.take() : null;
    const config =
      waiting === null
        ? asked
        : await parsePodOptions({ ...options, id: waiting.id }, mechanisms.defaults);
    const { id } = config;
    if (this.has(id)) {
      throw new VirtcontainersError(
        'already-exists',
        `cannot create pod ${id}: this process has one of that id`,
      );
    }
    return this.#coming.run(id, options.signal, async (signal) => {
      const asCreated = { config, signal, onProgress: options.onProgress };
      const create = (): Promise<LocalPod> =>
        LocalPod.create(mechanisms, {
          ...asCreated,
          events: this.#events,
          templates: fromTemplate ? this.#templatesOf(mechanisms) : null,
          onDeleted: () => this.#pods.delete(id),
          detached: this.#isShim,
        });
      const pod = await (waiting === null
        ? create()
        : waiting.adopt(asCreated).then(
            () => waiting,
            (error: unknown) => {
              if (signal.aborted || hasLeftovers(error)) throw error;
              // It has died while it waited: what was asked for can be made all the same.
              mechanisms.log.warn({ pod: id, reason: reasonOf(error) }, 'a waiting pod was lost');
              return create();
            },
          ));
      this.#pods.set(id, pod);
      return pod;
    });
  }

  /** @throws `unsupported` for the pod of another process: this runtime speaks to none */
  async openPod(id: string, options?: AbortOptions): Promise<Pod> {
    validateId('pod', id);
    const what = `cannot open pod ${id}`;
    await checkAbortOptions(what, options);
    throwIfAborted(options?.signal, what);
    const mine = this.#pods.get(id);
    if (mine !== undefined) return mine;
    const { store } = await this.#ready();
    const { waiting } = await store.load(id);
    if (waiting) {
      throw new VirtcontainersError('not-found', `${what}: nobody has asked for it yet`);
    }
    if (await store.hasLiveOwner(id)) {
      throw new VirtcontainersError('unsupported', `${what}: another process owns it`);
    }
    throw new VirtcontainersError('unavailable', `${what}: its owner has ended`, {
      hint: `its VM has ended with it: gc() of the library removes what dead owners have left, deletePod('${id}') this pod alone`,
    });
  }

  async close(): Promise<void> {
    await this.#waiting.close();
  }

  async #makeWaiting(id: string, signal: AbortSignal): Promise<LocalPod> {
    const mechanisms = await this.#ready();
    return LocalPod.create(mechanisms, {
      config: await parsePodOptions({ id }, mechanisms.defaults),
      signal,
      onProgress: undefined,
      events: this.#events,
      templates: this.#templatesOf(mechanisms),
      onDeleted: () => this.#pods.delete(id),
      waiting: true,
    });
  }

  // Whoever asks for a pod may meet the same and is told, but not why pods take longer than they should. Without mechanisms
  // there is no log.
  #noteUnmade(id: string, error: unknown, left: readonly string[]): void {
    const fields = { pod: id, reason: reasonOf(error), left };
    const note = ({ log }: Mechanisms): void => log.warn(fields, 'a waiting pod was not made');
    this.#ready().then(note, () => {});
  }

  async planPod(
    options: PodOptions = {},
    containers: readonly ContainerOptions[] = [],
  ): Promise<PlannedPod> {
    const mechanisms = await this.#ready();
    const config = await parsePodOptions(options, mechanisms.defaults);
    const what = `cannot plan pod ${config.id}`;
    if (!Array.isArray(containers)) {
      throw new VirtcontainersError(
        'invalid-argument',
        `${what}: the containers must be a list of options`,
      );
    }
    const configs = await Promise.all(
      containers.map((one) => parseContainerOptions(one, mechanisms.defaults)),
    );
    throwIfAborted(options.signal, what);
    return describePod(mechanisms, config, configs);
  }

  async listPods(): Promise<readonly PodListEntry[]> {
    const { store } = await this.#ready();
    return listEntries(store, (id) => this.#look(id));
  }

  async podStatus(id: string): Promise<PodStatus> {
    validateId('pod', id);
    return (await this.#look(id)).status;
  }

  async deletePod(id: string, options?: DeleteOptions): Promise<void> {
    validateId('pod', id);
    const what = `cannot delete pod ${id}`;
    const { force } = await parseDeleteOptions(what, options);
    const signal = options?.signal;
    throwIfAborted(signal, what);
    const hadBegun = await this.#coming.end(id, { what, force, signal });
    const mine = this.#pods.get(id);
    if (mine !== undefined) return mine.delete(options);
    // Nothing is left of it.
    if (hadBegun) return;
    await removeDeadPod(await this.#ready(), id, { force, signal });
  }

  async gc(options?: AbortOptions): Promise<GcReport> {
    const what = 'cannot remove what dead owners left';
    await checkAbortOptions(what, options);
    const signal = options?.signal;
    const mechanisms = await this.#ready();
    const removed: string[] = [];
    const failed: { id: string; error: string }[] = [];
    for (const id of await mechanisms.store.list()) {
      if (this.has(id)) continue;
      try {
        throwIfAborted(signal, what);
        if (await mechanisms.store.hasLiveOwner(id)) continue;
        await removeDeadPod(mechanisms, id, { force: false, signal });
        removed.push(id);
      } catch (error) {
        if (isVirtcontainersError(error) && error.code === 'cancelled') {
          throw withDetails(error, { removed, failed });
        }
        // Another process may have taken it in between.
        if (
          isVirtcontainersError(error) &&
          (error.code === 'not-found' || error.code === 'invalid-state')
        )
          continue;
        failed.push({ id, error: reasonOf(error) });
      }
    }
    return { removed, failed };
  }

  events(options?: AbortOptions): AsyncIterableIterator<PodEvent, undefined> {
    return listen(this.#events, 'cannot listen to the events of pods', options);
  }

  async *logs(podId: string, options?: LogOptions): AsyncGenerator<LogEntry, undefined, undefined> {
    const what = `cannot read a log of pod ${validateId('pod', podId)}`;
    const { follow, source, ...query } = await parseLogOptions(what, options);
    const { logs } = await this.#ready();
    await doing(what, () => this.#look(podId));
    const isOver = follow ? () => this.#isOver(podId, source) : null;
    return yield* logs.read(podId, source, { ...query, isOver, signal: options?.signal });
  }

  /** Whether nothing more can be written to a log. */
  async #isOver(podId: string, source: LogSource): Promise<boolean> {
    try {
      const { status } = await this.#look(podId);
      if (!status.ownerAlive || status.state === 'stopped') return true;
      if (typeof source === 'string') return false;
      const container = status.containers.find(({ id }) => id === source.container);
      return container === undefined || container.state === 'stopped';
    } catch (error) {
      if (isVirtcontainersError(error) && error.code === 'not-found') return true;
      throw error;
    }
  }

  async #look(id: string): Promise<PodGlance> {
    const mine = this.#pods.get(id);
    if (mine !== undefined) return { status: await mine.status(), waiting: false };
    const { store } = await this.#ready();
    return glanceAt(store, id);
  }

  #templatesOf(mechanisms: Mechanisms): PodTemplates {
    this.#podTemplates ??= new PodTemplates(mechanisms);
    return this.#podTemplates;
  }

  #ready(): Promise<Mechanisms> {
    this.#mechanisms ??= this.#load().catch((error: unknown) => {
      this.#mechanisms = undefined;
      throw error;
    });
    return this.#mechanisms;
  }
}
