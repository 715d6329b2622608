// The runtime that programs have: pods of this process, which others can reach, and pods of other processes, reached through them.
import { waitFor } from '../base/deadline.js';
import { isVirtcontainersError, throwIfAborted, VirtcontainersError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { Store } from '../host/store/store.js';
import type { PodEvent } from '../model/events.js';
import { validateId } from '../model/id.js';
import { ownerDeleteMs } from '../model/limits.js';
import type { LogEntry, LogOptions } from '../model/logs.js';
import type {
  AbortOptions,
  ContainerOptions,
  DeleteOptions,
  PodOptions,
} from '../model/options.js';
import { parseDeleteOptions, parsePodOptions } from '../model/parse/pod-options.js';
import type { PlannedPod } from '../model/planned-pod.js';
import type { GcReport, Pod, PodListEntry, PodStatus, Runtime } from '../model/pod.js';
import type { PodConfig } from '../model/pod-config.js';
import type { ProgressEvent } from '../model/progress.js';
import type { RuntimeTemplates } from '../model/template.js';
import { ComingPods } from '../pod/coming-pods.js';
import { attempt } from '../pod/errors.js';
import type { LocalRuntime } from '../pod/local-runtime.js';
import { planPod } from '../pod/plan/plan-pod.js';
import { warn } from '../pod/warn.js';
import { type Connect, cannotBeAsked, endOwner, ownerEnds, reachPod } from './reach-pod.js';
import { ServedPods } from './served-pods.js';
import type { StartedShim, StartShimOptions } from './shim/start-shim.js';

/** How the runtime speaks to other processes. */
export interface OwnerParts {
  /** Opens a pod's sockets; they keep nothing alive. */
  readonly serve: (pod: Pod, directory: string) => Promise<{ close(): Promise<void> }>;
  readonly connect: Connect;
  readonly startShim: (
    pod: { readonly config: PodConfig; readonly template: boolean },
    options: StartShimOptions,
  ) => Promise<StartedShim>;
  /** How long after it was handed out a pod of this process is served, in milliseconds; for tests. */
  readonly serveAfterMs?: number;
  /** How long an owner may take to answer, in milliseconds; for tests. */
  readonly answerMs?: number;
}

export class OwnerRuntime implements Runtime {
  readonly templates: RuntimeTemplates;
  readonly #local: LocalRuntime;
  readonly #parts: OwnerParts;
  readonly #served: ServedPods;
  readonly #coming = new ComingPods();

  /** @param local makes the pods that this process owns */
  constructor(local: LocalRuntime, parts: OwnerParts) {
    this.#local = local;
    this.#parts = parts;
    this.templates = local.templates;
    this.#served = new ServedPods(parts);
  }

  async createPod(options: PodOptions = {}): Promise<Pod> {
    if (options?.detached === true) return this.#createDetached(options);
    const pod = await this.#local.createPod(options);
    const { store, log } = await this.#local.mechanisms();
    this.#served.serveSoon(pod, store.directoryOf(pod.id), log);
    return pod;
  }

  async openPod(id: string, options?: AbortOptions): Promise<Pod> {
    try {
      return await this.#local.openPod(id, options);
    } catch (error) {
      if (!isVirtcontainersError(error) || error.code !== 'unsupported') throw error;
    }
    return this.#reach(id, { what: `cannot open pod ${id}`, signal: options?.signal });
  }

  async deletePod(id: string, options?: DeleteOptions): Promise<void> {
    validateId('pod', id);
    const what = `cannot delete pod ${id}`;
    const { force } = await parseDeleteOptions(what, options);
    const signal = options?.signal;
    throwIfAborted(signal, what);
    const hadBegun = await this.#coming.end(id, { what, force, signal });
    const { store } = await this.#local.mechanisms();
    const isOwned = !this.#local.has(id) && (await store.hasLiveOwner(id));
    if (isOwned && (await this.#deletedByOwner(id, { what, force, signal }))) return;
    try {
      await this.#local.deletePod(id, options);
    } catch (error) {
      // It was there, and somebody else was faster.
      const isGone = isVirtcontainersError(error) && error.code === 'not-found';
      if (!isGone || !(isOwned || hadBegun)) throw error;
    }
  }

  close(): Promise<void> {
    return this.#local.close();
  }

  planPod(options?: PodOptions, containers?: readonly ContainerOptions[]): Promise<PlannedPod> {
    return this.#local.planPod(options, containers);
  }

  listPods(): Promise<readonly PodListEntry[]> {
    return this.#local.listPods();
  }

  podStatus(id: string): Promise<PodStatus> {
    return this.#local.podStatus(id);
  }

  events(options?: AbortOptions): AsyncIterableIterator<PodEvent, undefined> {
    return this.#local.events(options);
  }

  logs(podId: string, options?: LogOptions): AsyncIterableIterator<LogEntry, undefined> {
    return this.#local.logs(podId, options);
  }

  gc(options?: AbortOptions): Promise<GcReport> {
    return this.#local.gc(options);
  }

  async #createDetached(options: PodOptions): Promise<Pod> {
    const { defaults, host } = await this.#local.mechanisms();
    const config = await parsePodOptions(options, defaults);
    planPod(config, host);
    const { id } = config;
    const what = `cannot create pod ${id}`;
    if (this.#local.has(id) || this.#coming.has(id)) {
      throw new VirtcontainersError('already-exists', `${what}: this process has one of that id`);
    }
    const template = options.template ?? defaults.template;
    return this.#coming.run(id, options.signal, async (signal) => {
      const shim = await this.#startShim({ config, template }, options, signal);
      try {
        const pod = await this.#reach(id, { what, signal });
        throwIfAborted(signal, what);
        await shim.accept();
        return pod;
      } catch (error) {
        await shim.refuse();
        throw error;
      }
    });
  }

  async #startShim(
    pod: { readonly config: PodConfig; readonly template: boolean },
    { onProgress }: PodOptions,
    signal: AbortSignal,
  ): Promise<StartedShim> {
    const mechanisms = await this.#local.mechanisms();
    const { log, store } = mechanisms;
    const { id } = pod.config;
    try {
      return await this.#parts.startShim(pod, {
        signal,
        onProgress: tellAll([mechanisms.onProgress, onProgress], log),
        onWarning: (warning) => warn(mechanisms, warning),
      });
    } catch (error) {
      // A shim that was killed could undo nothing.
      const pid = isVirtcontainersError(error) ? error.details['shimPid'] : undefined;
      if (pid !== undefined && (await ownerOf(store, id)) === pid) {
        await attempt('what it left', () => this.#local.deletePod(id, { force: true }));
      }
      throw error;
    }
  }

  /** @returns false where the owner is dead now: what it left is to be removed */
  async #deletedByOwner(
    id: string,
    { what, force, signal }: { what: string; force: boolean; signal: AbortSignal | undefined },
  ): Promise<boolean> {
    const { store } = await this.#local.mechanisms();
    try {
      const pod = await this.#reach(id, { what, signal });
      const deleting = pod.delete({ force, ...(signal === undefined ? {} : { signal }) });
      await waitFor(deleting, { what, signal, timeoutMs: force ? ownerDeleteMs : undefined });
      return true;
    } catch (error) {
      if (await ownerEnds(store, id, error)) return !(await store.list()).includes(id);
      if (!force || !cannotBeAsked(error)) throw error;
      await endOwner(what, store, await store.load(id));
      return false;
    }
  }

  async #reach(
    id: string,
    options: { readonly what: string; readonly signal: AbortSignal | undefined },
  ): Promise<Pod> {
    const { store } = await this.#local.mechanisms();
    const { connect, answerMs } = this.#parts;
    return reachPod({ store, connect }, id, { ...options, answerMs });
  }
}

async function ownerOf(store: Store, podId: string): Promise<number | null> {
  try {
    return (await store.load(podId)).owner.pid;
  } catch {
    return null;
  }
}

/** One listener for several; a fault of one is no fault of the pod's. */
function tellAll(
  listeners: readonly (((event: ProgressEvent) => void) | undefined)[],
  log: Logger,
): (event: ProgressEvent) => void {
  return (event) => {
    for (const listener of listeners) {
      try {
        listener?.(event);
      } catch (error) {
        log.warn({ err: error, step: event.step }, 'a progress listener failed');
      }
    }
  };
}
