// A pod that another process owns: the same interface, each call its owner's.
import { inspect } from 'node:util';
import { VirtcontainersError } from '../../base/errors.js';
import { Undo } from '../../base/undo.js';
import type { PodEvent } from '../../model/events.js';
import type {
  AbortOptions,
  ContainerOptions,
  ContainerRunOptions,
  DeleteOptions,
  StopOptions,
} from '../../model/options.js';
import {
  parseContainerOptions,
  parseContainerRunOptions,
} from '../../model/parse/container-options.js';
import {
  checkAbortOptions,
  parseDeleteOptions,
  parseStopOptions,
} from '../../model/parse/pod-options.js';
import type { CommandRun, Container, ContainerStatus, Pod, PodStatus } from '../../model/pod.js';
import type { Timings } from '../../model/progress.js';
import type { PodStats } from '../../model/usage.js';
import { checkListenOptions } from '../../pod/events/listen.js';
import { runCommand } from '../../pod/run-command.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import { signalOf, toSentOptions, withAbsolutePaths } from './plain-options.js';
import { RemoteContainer } from './remote-container.js';
import { RemoteEvents } from './remote-events.js';
import type { Remote } from './remote-process.js';

const methods = PodService.method;

export class RemotePod implements Pod {
  readonly id: string;
  readonly #remote: Remote;
  readonly #containers = new Map<string, RemoteContainer>();
  #timings: Timings = [];
  #state: PodStatus['state'] = 'ready';
  #deleted = false;

  constructor(remote: Remote) {
    this.id = remote.owner.podId;
    this.#remote = remote;
  }

  /** What was known when the owner was asked last: at the beginning and by `status`. */
  get timings(): Timings {
    return this.#timings;
  }

  /** Those that were there when the owner was asked last, and those made here since. */
  get containers(): readonly Container[] {
    return [...this.#containers.values()];
  }

  container(id: string): Container {
    const container = this.#containers.get(id);
    if (container !== undefined) return container;
    const what = `cannot find container ${JSON.stringify(String(id).slice(0, 200))}`;
    throw new VirtcontainersError('not-found', `${what}: pod ${this.id} has none of that id`, {
      hint: 'ask for `status()` of the pod, if another process has made it since',
    });
  }

  createContainer(options: ContainerOptions): Promise<Container> {
    return this.#create(options);
  }

  run(options: ContainerRunOptions): CommandRun {
    const running = runCommand(`cannot run in pod ${this.id}`, () =>
      Undo.run(async (undo) => {
        const request = await parseContainerRunOptions(options);
        const {
          input: _,
          maxBufferBytes: __,
          timeoutMs: ___,
          killGraceMs: ____,
          ...rest
        } = options;
        const { id } = request.config;
        const container = await this.#create({ ...rest, id, stdin: request.input !== null });
        undo.add('container', () => container.discard());
        return await container.startRun(request, options.signal);
      }),
    );
    void this.#remote.owner.hold(running).catch(() => {});
    return running;
  }

  async start(options?: AbortOptions): Promise<void> {
    await this.#simple(`cannot start pod ${this.id}`, methods.start, options);
  }

  async pause(options?: AbortOptions): Promise<void> {
    await this.#simple(`cannot pause pod ${this.id}`, methods.pause, options);
  }

  async resume(options?: AbortOptions): Promise<void> {
    await this.#simple(`cannot resume pod ${this.id}`, methods.resume, options);
  }

  stats(options?: AbortOptions): Promise<PodStats> {
    return this.#document(`cannot get the statistics of pod ${this.id}`, methods.stats, options);
  }

  events(options?: AbortOptions): AsyncIterableIterator<PodEvent, undefined> {
    const what = `cannot listen to the events of pod ${this.id}`;
    const signal = checkListenOptions(what, options);
    return new RemoteEvents(this.#remote.owner, signal);
  }

  async stop(options?: StopOptions): Promise<void> {
    const what = `cannot stop pod ${this.id}`;
    const { json, signal } = await toSentOptions(options, (all) => parseStopOptions(what, all));
    if (this.#deleted) return;
    const request = { optionsJson: json };
    await this.#remote.owner.call(methods.stop, request, { what, signal });
  }

  async delete(options?: DeleteOptions): Promise<void> {
    const what = `cannot delete pod ${this.id}`;
    const { json, signal } = await toSentOptions(options, (all) => parseDeleteOptions(what, all));
    if (this.#deleted) return;
    const request = { optionsJson: json };
    try {
      await this.#remote.owner.call(methods.delete, request, { what, signal });
    } catch (error) {
      // Somebody else has deleted it, or its owner has ended right after it.
      if (!isDeleted(error)) throw error;
    }
    this.#deleted = true;
    for (const container of [...this.#containers.values()]) container.forgotten();
  }

  async status(): Promise<PodStatus> {
    const what = `cannot tell the status of pod ${this.id}`;
    const [status, timings] = await Promise.all([
      this.#document<PodStatus>(what, methods.status),
      this.#document<Timings>(what, methods.timings),
    ]);
    this.#timings = timings;
    this.#state = status.state;
    this.#learn(status.containers);
    return status;
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

  async #create(options: ContainerOptions): Promise<RemoteContainer> {
    const what = `cannot create container in pod ${this.id}`;
    if (options === undefined) await parseContainerOptions(options);
    const asked = withAbsolutePaths(options);
    const { json, signal } = await toSentOptions(asked, (all) => parseContainerOptions(all));
    const request = { optionsJson: json };
    const answer = await this.#remote.owner.call(methods.createContainer, request, {
      what,
      signal,
    });
    return this.#add(JSON.parse(answer.json) as ContainerStatus, true);
  }

  // A container of the same name may be another one meanwhile.
  #learn(statuses: readonly ContainerStatus[]): void {
    const ids = new Set(statuses.map(({ id }) => id));
    for (const [id, container] of [...this.#containers]) if (!ids.has(id)) container.forgotten();
    for (const status of statuses) {
      const known = this.#containers.get(status.id);
      if (known?.createdAt === status.createdAt) known.learn(status);
      else this.#add(status, false);
    }
  }

  #add(status: ContainerStatus, isOwn: boolean): RemoteContainer {
    const container: RemoteContainer = new RemoteContainer(this.#remote, {
      pod: this,
      status,
      isOwn,
      onDeleted: () => {
        if (this.#containers.get(status.id) === container) this.#containers.delete(status.id);
      },
    });
    this.#containers.set(status.id, container);
    return container;
  }

  async #simple(
    what: string,
    method: typeof methods.start | typeof methods.pause | typeof methods.resume,
    options: AbortOptions | undefined,
  ): Promise<void> {
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    await this.#remote.owner.call(method, {}, { what, signal });
  }

  async #document<T>(
    what: string,
    method: typeof methods.status | typeof methods.timings | typeof methods.stats,
    options?: AbortOptions,
  ): Promise<T> {
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    const { json } = await this.#remote.owner.call(method, {}, { what, signal });
    return JSON.parse(json) as T;
  }
}

function isDeleted(error: unknown): boolean {
  return error instanceof VirtcontainersError && error.code === 'not-found';
}
