// A process in a container of a VM that this process owns: its streams, its end, its signals.
import { waitFor } from '../base/deadline.js';
import { isVirtcontainersError, VirtcontainersError } from '../base/errors.js';
import type { Agent, OutputRange, ProcessRef } from '../host/agent/agent.js';
import type { TerminalSize } from '../model/container-config.js';
import type { ExitStatus } from '../model/exit-status.js';
import type { AbortOptions } from '../model/options.js';
import { checkAbortOptions, parseSignal, parseTerminalSize } from '../model/parse/pod-options.js';
import type { Process } from '../model/pod.js';
import { during } from './errors.js';
import { InputStream } from './input-stream.js';
import type { LiveVm } from './live-vm.js';
import { OutputStream } from './output-stream.js';

export interface ProcessTraits {
  readonly id: string;
  /** How messages name it: `container web`, `process x of container web`. */
  readonly name: string;
  readonly ref: ProcessRef;
  readonly stdin: boolean;
  readonly terminal: boolean;
}

/** One run of a process. */
export class LocalProcess implements Process {
  readonly id: string;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** How it ended; rejects where nobody can tell. */
  readonly exited: Promise<ExitStatus>;
  /** Settles when it has ended and all its output is here or given up. */
  readonly finished: Promise<void>;
  readonly #live: LiveVm;
  readonly #traits: ProcessTraits;
  #settle: {
    readonly resolve: (exit: ExitStatus) => void;
    readonly reject: (error: Error) => void;
  } = {
    resolve: () => {},
    reject: () => {},
  };
  #ended = false;

  constructor(live: LiveVm, traits: ProcessTraits) {
    this.id = traits.id;
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
    this.exited = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.finished = Promise.allSettled([this.exited, this.stdout.drawn, this.stderr.drawn]).then(
      () => {},
    );
  }

  /** Whether it is known to have ended, or to be lost. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Begins to wait for its end and to draw its output; the guest knows it. */
  begin(): void {
    this.stdout.begin();
    if (!this.#traits.terminal) this.stderr.begin();
    this.#await('wait for', (agent) => agent.wait(this.#traits.ref)).then(
      (exit) => this.#end(() => this.#settle.resolve(exit)),
      (error: Error) => this.#end(() => this.#settle.reject(error)),
    );
  }

  /** Nothing more will be heard of it: whoever waits for it gets this error, unless its end is known. */
  lose(error: VirtcontainersError): void {
    this.#end(() => this.#settle.reject(error));
    this.cut(error);
  }

  /** Ends streams that have not ended: whoever reads them learns that something may be missing. */
  cut(cause?: VirtcontainersError): void {
    const what = `cannot read output of ${this.#traits.name}`;
    const error =
      cause ??
      new VirtcontainersError('unavailable', `${what}: it was removed before its output ended`);
    this.stdout.stop(error);
    this.stderr.stop(error);
  }

  async wait(options?: AbortOptions): Promise<ExitStatus> {
    const what = `cannot wait for ${this.#traits.name}`;
    await checkAbortOptions(what, options);
    return waitFor(this.exited, { what, signal: options?.signal });
  }

  async kill(signalName?: NodeJS.Signals | string | number, options?: AbortOptions): Promise<void> {
    const what = `cannot signal ${this.#traits.name}`;
    const number = parseSignal(what, signalName ?? 'SIGTERM');
    await checkAbortOptions(what, options);
    if (this.#ended) return;
    const signal = options?.signal;
    try {
      await this.#live.call(what, (agent) => agent.signal(this.#traits.ref, number, false), signal);
    } catch (error) {
      // It ended in between.
      if (this.#ended || (isVirtcontainersError(error) && error.code === 'not-found')) return;
      throw during(what, error, '');
    }
  }

  async resize(size: TerminalSize, options?: AbortOptions): Promise<void> {
    const what = `cannot resize the terminal of ${this.#traits.name}`;
    await checkAbortOptions(what, options);
    const wanted = await parseTerminalSize(what, size);
    if (!this.#traits.terminal) {
      throw new VirtcontainersError('invalid-state', `${what}: it has no terminal`);
    }
    if (this.#ended) return;
    await this.#call(
      'resize the terminal of',
      (agent) => agent.resizeTerminal(this.#traits.ref, wanted),
      options?.signal,
    );
  }

  #end(settle: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    // Nobody may be waiting; whoever does later still gets the error.
    this.exited.catch(() => {});
    settle();
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
