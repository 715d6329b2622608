// A process in a container of a pod that another process owns.
import { waitFor } from '../../base/deadline.js';
import { isVirtcontainersError, type VirtcontainersError } from '../../base/errors.js';
import type { TerminalSize } from '../../model/container-config.js';
import type { ExitStatus } from '../../model/exit-status.js';
import type { AbortOptions, OutputOptions } from '../../model/options.js';
import { checkAbortOptions, parseSignal } from '../../model/parse/pod-options.js';
import type { ProcessResult } from '../../model/process-result.js';
import { type EndHow, HeldProcess } from '../../pod/held-process.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import type { OwnerConnection } from './owner-connection.js';
import type { OwnerStreams } from './owner-streams.js';
import { signalOf } from './plain-options.js';
import { RemoteInput } from './remote-input.js';
import { RemoteOutput } from './remote-output.js';

export interface RemoteTraits {
  readonly containerId: string;
  /** Null is the container's first. */
  readonly processId: string | null;
  readonly command: readonly string[];
  /** From where its output is read: all of it where it was made here. */
  readonly from: 'kept' | 'now';
}

/** What remote pods, containers and processes speak through. */
export interface Remote {
  readonly owner: OwnerConnection;
  readonly streams: OwnerStreams;
}

export class RemoteProcess extends HeldProcess {
  readonly stdin: RemoteInput;
  readonly stdout: RemoteOutput;
  readonly stderr: RemoteOutput;
  readonly #owner: OwnerConnection;
  readonly #ref: { readonly containerId: string; readonly processId: string };
  #hasBegun = false;

  constructor({ owner, streams }: Remote, traits: RemoteTraits) {
    const { containerId, processId, command, from } = traits;
    const container = `container ${containerId}`;
    const name = processId === null ? container : `process ${processId} of ${container}`;
    super({ id: processId ?? containerId, command, name });
    this.#owner = owner;
    this.#ref = { containerId, processId: processId ?? '' };
    const of = { containerId, processId };
    this.stdin = new RemoteInput({
      open: () => streams.openInput(of),
      close: () => this.#closeInput(),
      hold: (work) => owner.hold(work),
    });
    const output = (stream: 'stdout' | 'stderr'): RemoteOutput =>
      new RemoteOutput({
        open: () => streams.openOutput({ ...of, stream, from }),
        hold: (work) => owner.hold(work),
      });
    this.stdout = output('stdout');
    this.stderr = output('stderr');
  }

  /** Begins to wait for its end. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const what = `cannot wait for ${this.name}`;
    this.#owner.call(PodService.method.wait, this.#ref, { what, holds: false }).then(
      ({ json }) => this.succeed(JSON.parse(json) as ExitStatus),
      (error: VirtcontainersError) => this.#waitFailed(error),
    );
  }

  override async wait(options?: AbortOptions): Promise<ExitStatus> {
    this.begin();
    const what = `cannot wait for ${this.name}`;
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    return this.#owner.hold(waitFor(this.outcome, { what, signal }));
  }

  override output(options?: OutputOptions): Promise<ProcessResult> {
    this.begin();
    return this.#owner.hold(super.output(options));
  }

  override async kill(
    signalName?: NodeJS.Signals | string | number,
    options?: AbortOptions,
  ): Promise<void> {
    const what = `cannot signal ${this.name}`;
    const number = parseSignal(what, signalName ?? 'SIGTERM');
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    await this.#unlessEnded(
      this.#owner.call(
        PodService.method.signal,
        { ...this.#ref, signal: number },
        { what, signal },
      ),
    );
  }

  override async resize(size: TerminalSize, options?: AbortOptions): Promise<void> {
    const what = `cannot resize the terminal of ${this.name}`;
    const signal = await signalOf(options, (all) => checkAbortOptions(what, all));
    const request = { ...this.#ref, sizeJson: JSON.stringify(size) ?? 'null' };
    await this.#unlessEnded(
      this.#owner.call(PodService.method.resizeTerminal, request, { what, signal }),
    );
  }

  protected override async endGroupNow({
    what,
    ...end
  }: EndHow & { readonly what: string }): Promise<void> {
    await this.#unlessEnded(
      this.#owner.call(PodService.method.endProcess, { ...this.#ref, end }, { what }),
    );
  }

  protected override hasEnded(): void {
    this.stdin.stop();
  }

  async #closeInput(): Promise<void> {
    const what = `cannot close the input of ${this.name}`;
    await this.#unlessEnded(this.#owner.call(PodService.method.closeInput, this.#ref, { what }));
  }

  // The owner forgets a process that was added to a container when all there is of it was told.
  async #unlessEnded(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      const isGone = isVirtcontainersError(error) && error.code === 'not-found';
      if (!isGone || this.#ref.processId === '') throw error;
    }
  }

  #waitFailed(error: VirtcontainersError): void {
    const { exit } = error.details;
    // It was ended there, on time: how is known.
    if (isExit(exit)) this.succeed(exit, error);
    else this.lose(error);
  }
}

function isExit(value: unknown): value is ExitStatus {
  return typeof value === 'object' && value !== null && 'code' in value && 'reason' in value;
}
