// A container of a pod that another process owns.
import { inspect } from 'node:util';
import type { TerminalSize } from '../../model/container-config.js';
import type { ExitStatus } from '../../model/exit-status.js';
import type {
  AbortOptions,
  DeleteOptions,
  ExecOptions,
  LinesOptions,
  OutputOptions,
  RunOptions,
  StopOptions,
} from '../../model/options.js';
import type { ContainerRunRequest } from '../../model/parse/container-options.js';
import {
  checkAbortOptions,
  parseDeleteOptions,
  parseStopOptions,
} from '../../model/parse/pod-options.js';
import type { CommandRun, Container, ContainerStatus, Pod, Process } from '../../model/pod.js';
import type { ProcessResult } from '../../model/process-result.js';
import type { ContainerStats, ProcessList } from '../../model/usage.js';
import { endOnDemand } from '../../pod/end-group.js';
import { runCommand, type StartedCommand } from '../../pod/run-command.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import { isCommand, type SentOptions, signalOf, toSentOptions } from './plain-options.js';
import { checkExecOptions, execRemotely, parseRemoteRun } from './remote-exec.js';
import { type Remote, RemoteProcess } from './remote-process.js';

const methods = PodService.method;

type ContainerMethod =
  | typeof methods.startContainer
  | typeof methods.pauseContainer
  | typeof methods.resumeContainer;
type DocumentMethod =
  | typeof methods.containerStatus
  | typeof methods.containerStats
  | typeof methods.listProcesses;

export interface RemoteContainerOptions {
  readonly pod: Pod;
  readonly status: ContainerStatus;
  /** Whether all its output is this program's to read: it was made here. */
  readonly isOwn: boolean;
  /** Called when it is no more. */
  readonly onDeleted: () => void;
}

export class RemoteContainer implements Container {
  readonly id: string;
  readonly pod: Pod;
  readonly createdAt: string;
  readonly #remote: Remote;
  readonly #onDeleted: () => void;
  #status: ContainerStatus;
  #run: RemoteProcess;
  #deleted = false;

  constructor(remote: Remote, { pod, status, isOwn, onDeleted }: RemoteContainerOptions) {
    this.id = status.id;
    this.pod = pod;
    this.createdAt = status.createdAt;
    this.#remote = remote;
    this.#onDeleted = onDeleted;
    this.#status = status;
    // Of one that has not run yet all is still to come, also what it prints before anybody reads.
    this.#run = this.#newRun(isOwn || status.startedAt === null ? 'kept' : 'now');
  }

  get command(): readonly string[] {
    return this.#status.command;
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

  /** What the owner has said of it last. */
  learn(status: ContainerStatus): void {
    const { startedAt } = this.#status;
    this.#status = status;
    // Somebody else has started it again.
    if (startedAt !== null && status.startedAt !== startedAt) this.#run = this.#newRun('now');
  }

  async start(options?: AbortOptions): Promise<void> {
    const what = `cannot start container ${this.id}`;
    const hasRun = this.#status.startedAt !== null;
    try {
      await this.#simple(what, methods.startContainer, options);
    } finally {
      // Started or not, it has changed; where the owner does not tell, less is known of it.
      this.#status = await this.#ask().catch(() => this.#status);
    }
    if (hasRun) this.#run = this.#newRun('kept');
  }

  async exec(command: readonly string[], options?: ExecOptions): Promise<Process> {
    if (!isCommand(command)) await checkExecOptions(this.id, command, {});
    const sent = await toSentOptions(options, (all) => checkExecOptions(this.id, command, all));
    return (await execRemotely(this.#remote, this.id, { command, ...sent })).process;
  }

  run(command: readonly string[], options?: RunOptions): CommandRun {
    const running = runCommand(`cannot run in container ${this.id}`, async () => {
      const { sent, collect } = await parseRemoteRun(this.id, command, options);
      const { process, end } = await execRemotely(this.#remote, this.id, { command, ...sent });
      return { process, request: { ...collect, end } };
    });
    void this.#remote.owner.hold(running).catch(() => {});
    return running;
  }

  /** Starts it and has its init end with the time or the signal of `run`; a failure leaves it as `start` does. */
  async startRun(
    request: ContainerRunRequest,
    signal: AbortSignal | undefined,
  ): Promise<StartedCommand> {
    await this.start(signal === undefined ? {} : { signal });
    const process = this.#run;
    process.started();
    process.begin();
    endOnDemand(process, { ...request.end, what: `cannot finish container ${this.id}`, signal });
    return { process, request, release: () => this.discard() };
  }

  async wait(options?: AbortOptions): Promise<ExitStatus> {
    const what = `cannot wait for container ${this.id}`;
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    const request = { containerId: this.id, processId: '' };
    const { json } = await this.#remote.owner.call(methods.wait, request, { what, signal });
    return JSON.parse(json) as ExitStatus;
  }

  output(options?: OutputOptions): Promise<ProcessResult> {
    return this.#run.output(options);
  }

  lines(options?: LinesOptions): AsyncIterableIterator<string> {
    return this.#run.lines(options);
  }

  kill(signalName?: NodeJS.Signals | string | number, options?: AbortOptions): Promise<void> {
    return this.#run.kill(signalName, options);
  }

  resize(size: TerminalSize, options?: AbortOptions): Promise<void> {
    return this.#run.resize(size, options);
  }

  async pause(options?: AbortOptions): Promise<void> {
    await this.#simple(`cannot pause container ${this.id}`, methods.pauseContainer, options);
  }

  async resume(options?: AbortOptions): Promise<void> {
    await this.#simple(`cannot resume container ${this.id}`, methods.resumeContainer, options);
  }

  async processes(options?: AbortOptions): Promise<ProcessList> {
    const what = `cannot list the processes of container ${this.id}`;
    return this.#document(what, methods.listProcesses, options);
  }

  async stats(options?: AbortOptions): Promise<ContainerStats> {
    const what = `cannot get the statistics of container ${this.id}`;
    return this.#document(what, methods.containerStats, options);
  }

  async stop(options?: StopOptions): Promise<void> {
    const what = `cannot stop container ${this.id}`;
    if (this.#deleted) return;
    const sent = await toSentOptions(options, (all) => parseStopOptions(what, all));
    await this.#end(methods.stopContainer, what, sent);
  }

  async delete(options?: DeleteOptions): Promise<void> {
    const what = `cannot delete container ${this.id}`;
    if (this.#deleted) return;
    const sent = await toSentOptions(options, (all) => parseDeleteOptions(what, all));
    await this.#end(methods.deleteContainer, what, sent);
    this.forgotten();
  }

  /** As `delete` by force, but as soon as the pod is not paused. */
  async discard(): Promise<void> {
    if (this.#deleted) return;
    const what = `cannot delete container ${this.id}`;
    const request = { containerId: this.id, whenPossible: true };
    await this.#remote.owner.call(methods.deleteContainer, request, { what });
    this.forgotten();
  }

  async status(): Promise<ContainerStatus> {
    const status = await this.#ask();
    this.learn(status);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete({ force: true });
  }

  /** The container is no more. */
  forgotten(): void {
    this.#deleted = true;
    this.#onDeleted();
  }

  #ask(): Promise<ContainerStatus> {
    const what = `cannot tell the status of container ${this.id}`;
    return this.#document(what, methods.containerStatus, undefined);
  }

  #newRun(from: 'kept' | 'now'): RemoteProcess {
    const { id, command } = this;
    return new RemoteProcess(this.#remote, { containerId: id, processId: null, command, from });
  }

  async #simple(
    what: string,
    method: ContainerMethod,
    options: AbortOptions | undefined,
  ): Promise<void> {
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    await this.#remote.owner.call(method, { containerId: this.id }, { what, signal });
  }

  async #document<T>(
    what: string,
    method: DocumentMethod,
    options: AbortOptions | undefined,
  ): Promise<T> {
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    const request = { containerId: this.id };
    const { json } = await this.#remote.owner.call(method, request, { what, signal });
    return JSON.parse(json) as T;
  }

  async #end(
    method: typeof methods.stopContainer | typeof methods.deleteContainer,
    what: string,
    { json, signal }: SentOptions,
  ): Promise<void> {
    const request = { containerId: this.id, optionsJson: json };
    await this.#remote.owner.call(method, request, { what, signal });
  }

  toJSON(): object {
    return { ...this.#status, podId: this.pod.id };
  }

  [inspect.custom](): string {
    const { id, state, command } = this.#status;
    return `Container ${inspect({ id, podId: this.pod.id, state, command })}`;
  }
}
