// A process in a container of a VM that this process owns: its streams, its end, its signals.
import { isVirtcontainersError, VirtcontainersError } from '../base/errors.js';
import type { Agent, OutputRange, ProcessRef } from '../host/agent/agent.js';
import type { TerminalSize } from '../model/container-config.js';
import type { AbortOptions } from '../model/options.js';
import { checkAbortOptions, parseSignal, parseTerminalSize } from '../model/parse/pod-options.js';
import { endGroup } from './end-group.js';
import { during } from './errors.js';
import { type EndHow, HeldProcess } from './held-process.js';
import { InputStream } from './input-stream.js';
import type { LiveVm } from './live-vm.js';
import { OutputStream } from './output-stream.js';

export interface ProcessTraits {
  readonly id: string;
  readonly command: readonly string[];
  /** How messages name it: `container web`, `process x of container web`. */
  readonly name: string;
  readonly ref: ProcessRef;
  readonly stdin: boolean;
  readonly terminal: boolean;
}

/** One run of a process. */
export class LocalProcess extends HeldProcess {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly #live: LiveVm;
  readonly #traits: ProcessTraits;

  constructor(live: LiveVm, traits: ProcessTraits) {
    super(traits);
    this.#live = live;
    this.#traits = traits;
    const { ref } = traits;
    this.stdin = new InputStream(
      traits.stdin
        ? (input) => this.#await('write to', (agent) => agent.writeInput(ref, input))
        : null,
    );
    this.stdout = this.#output('stdout');
    this.stderr = traits.terminal ? OutputStream.empty() : this.#output('stderr');
  }

  /** Begins to wait for its end and to draw its output; the guest knows it. */
  begin(): void {
    this.stdout.begin();
    if (!this.#traits.terminal) this.stderr.begin();
    this.#await('wait for', (agent) => agent.wait(this.#traits.ref)).then(
      (exit) => this.succeed(exit),
      (error: Error) => this.fail(error),
    );
  }

  override async kill(
    signalName?: NodeJS.Signals | string | number,
    options?: AbortOptions,
  ): Promise<void> {
    const what = `cannot signal ${this.#traits.name}`;
    const number = parseSignal(what, signalName ?? 'SIGTERM');
    await checkAbortOptions(what, options);
    if (this.ended) return;
    const signal = options?.signal;
    try {
      await this.#live.call(what, (agent) => agent.signal(this.#traits.ref, number), signal);
    } catch (error) {
      // It ended in between.
      if (this.ended || (isVirtcontainersError(error) && error.code === 'not-found')) return;
      throw during(what, error, '');
    }
  }

  override async resize(size: TerminalSize, options?: AbortOptions): Promise<void> {
    const what = `cannot resize the terminal of ${this.#traits.name}`;
    await checkAbortOptions(what, options);
    const wanted = await parseTerminalSize(what, size);
    if (!this.#traits.terminal) {
      throw new VirtcontainersError('invalid-state', `${what}: it has no terminal`);
    }
    if (this.ended) return;
    await this.#call(
      'resize the terminal of',
      (agent) => agent.resizeTerminal(this.#traits.ref, wanted),
      options?.signal,
    );
  }

  protected override endGroupNow(how: EndHow & { readonly what: string }): Promise<void> {
    return endGroup(this.#live, this.#traits.ref, how);
  }

  protected override hasEnded(): void {
    this.stdin.stop();
    this.stdout.drawLastWords();
    this.stderr.drawLastWords();
  }

  #output(stream: OutputRange['stream']): OutputStream {
    return new OutputStream((range) =>
      this.#await('read output of', (agent) =>
        agent.readOutput(this.#traits.ref, { stream, ...range }),
      ),
    );
  }

  async #await<T>(verb: string, work: (agent: Agent) => Promise<T>): Promise<T> {
    const what = `cannot ${verb} ${this.#traits.name}`;
    try {
      return await this.#live.callPatiently(what, work);
    } catch (error) {
      throw during(what, error, '');
    }
  }

  async #call<T>(
    verb: string,
    work: (agent: Agent) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const what = `cannot ${verb} ${this.#traits.name}`;
    try {
      return await this.#live.call(what, work, signal);
    } catch (error) {
      throw during(what, error, '');
    }
  }
}
