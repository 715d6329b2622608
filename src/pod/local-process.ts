// A process in a container of a VM that this process owns: its streams, its end, its signals.
import { inspect } from 'node:util';
import { waitFor } from '../base/deadline.js';
import { isVirtcontainersError, VirtcontainersError, withDetails } from '../base/errors.js';
import type { Agent, OutputRange, ProcessRef } from '../host/agent/agent.js';
import type { TerminalSize } from '../model/container-config.js';
import type { ExitStatus } from '../model/exit-status.js';
import { killWaitMs } from '../model/limits.js';
import type { AbortOptions, LinesOptions, OutputOptions } from '../model/options.js';
import {
  type EndConfig,
  parseLinesOptions,
  parseOutputOptions,
} from '../model/parse/command-options.js';
import { checkAbortOptions, parseSignal, parseTerminalSize } from '../model/parse/pod-options.js';
import type { Process } from '../model/pod.js';
import type { ProcessResult } from '../model/process-result.js';
import { collectOutput } from './collect-output.js';
import { endGroup, notEnded } from './end-group.js';
import { during } from './errors.js';
import { InputStream } from './input-stream.js';
import { linesOf } from './lines.js';
import type { LiveVm } from './live-vm.js';
import { OutputStream } from './output-stream.js';
import { settlesWithin } from './settle.js';

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
export class LocalProcess implements Process {
  readonly id: string;
  readonly command: readonly string[];
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** How it ended; rejects where nobody can tell. */
  readonly exited: Promise<ExitStatus>;
  /** What its waiters get: as `exited`, or the error that it was ended with, once nothing of it is left. */
  readonly outcome: Promise<ExitStatus>;
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
  #tell: {
    readonly resolve: (exit: ExitStatus) => void;
    readonly reject: (error: Error) => void;
  } = {
    resolve: () => {},
    reject: () => {},
  };
  #ended = false;
  #exit: ExitStatus | null = null;
  #demanded: Promise<VirtcontainersError> | null = null;
  #ending: Promise<unknown> = Promise.resolve();
  #startedAt = performance.now();
  #endedAt: number | null = null;

  constructor(live: LiveVm, traits: ProcessTraits) {
    this.id = traits.id;
    this.command = traits.command;
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
    this.outcome = new Promise((resolve, reject) => {
      this.#tell = { resolve, reject };
    });
    this.finished = Promise.allSettled([this.exited, this.stdout.drawn, this.stderr.drawn]).then(
      () => {},
    );
  }

  /** Whether it is known to have ended, or to be lost. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How it ended, as far as that is known. */
  get exit(): ExitStatus | null {
    return this.#exit;
  }

  /** What it was ended with, once that is done; null if nobody has asked for its end. */
  get demanded(): Promise<VirtcontainersError> | null {
    return this.#demanded;
  }

  /** From its start to its end, or to now, in milliseconds. */
  get durationMs(): number {
    const end = this.#endedAt ?? performance.now();
    return Math.round((end - this.#startedAt) * 10) / 10;
  }

  /** It starts only now: init waits for that in the guest. */
  started(): void {
    this.#startedAt = performance.now();
  }

  /** Begins to wait for its end and to draw its output; the guest knows it. */
  begin(): void {
    this.stdout.begin();
    if (!this.#traits.terminal) this.stderr.begin();
    this.#await('wait for', (agent) => agent.wait(this.#traits.ref)).then(
      (exit) => {
        this.#exit ??= exit;
        this.#end(() => this.#settle.resolve(exit));
        if (this.#demanded === null) this.#tell.resolve(exit);
      },
      (error: Error) => this.#fail(error),
    );
  }

  /** Nothing more will be heard of it: whoever waits for it gets this error, unless its end is known. */
  lose(error: VirtcontainersError): void {
    this.#fail(error);
    this.cut(error);
  }

  /** Ends it and all that came from it; when nothing of it is left, whoever waits for it gets this error. */
  endAll(error: VirtcontainersError, how: Omit<EndConfig, 'timeoutMs'>): void {
    this.#demanded ??= this.#endAll(error, how);
  }

  /** Ends all that came from it, itself included; nobody is told that it was asked for. */
  async endGroup(how: Omit<EndConfig, 'timeoutMs'>): Promise<void> {
    const what = `cannot end ${this.#traits.name}`;
    const work = endGroup(this.#live, this.#traits.ref, { what, ...how });
    this.#ending = Promise.allSettled([this.#ending, work]);
    await work;
  }

  /** Settles when nobody is ending what came from it any more: until then the guest has to know it. */
  get ending(): Promise<unknown> {
    return this.#ending;
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
    return waitFor(this.outcome, { what, signal: options?.signal });
  }

  async output(options?: OutputOptions): Promise<ProcessResult> {
    const what = `cannot collect the output of ${this.#traits.name}`;
    const { maxBufferBytes } = await parseOutputOptions(what, options);
    return collectOutput(this, { what, maxBufferBytes, signal: options?.signal });
  }

  async *lines(options?: LinesOptions): AsyncGenerator<string, void, undefined> {
    const what = `cannot read lines of ${this.#traits.name}`;
    const { stream, maxLineBytes } = await parseLinesOptions(what, options);
    yield* linesOf(this[stream], maxLineBytes);
  }

  toJSON(): object {
    const { id, command } = this;
    return { id, command, exit: this.#exit };
  }

  [inspect.custom](): string {
    return `Process ${inspect(this.toJSON())}`;
  }

  async kill(signalName?: NodeJS.Signals | string | number, options?: AbortOptions): Promise<void> {
    const what = `cannot signal ${this.#traits.name}`;
    const number = parseSignal(what, signalName ?? 'SIGTERM');
    await checkAbortOptions(what, options);
    if (this.#ended) return;
    const signal = options?.signal;
    try {
      await this.#live.call(what, (agent) => agent.signal(this.#traits.ref, number), signal);
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

  async #endAll(
    error: VirtcontainersError,
    how: Omit<EndConfig, 'timeoutMs'>,
  ): Promise<VirtcontainersError> {
    let failure = error;
    let drawMs = killWaitMs;
    try {
      await this.endGroup(how);
      // Its status follows in a moment.
      await waitFor(this.exited, { what: 'cannot tell how it ended', timeoutMs: killWaitMs });
    } catch (reason) {
      failure = withDetails(error, notEnded(reason));
      drawMs = 0;
    }
    if (this.#exit !== null) failure = withDetails(failure, { exit: this.#exit });
    this.outcome.catch(() => {});
    this.#tell.reject(failure);
    const drawn = Promise.all([this.stdout.drawn, this.stderr.drawn]);
    // What somebody else has open is read no more.
    void settlesWithin(drawn, drawMs).then(() => this.cut(failure));
    return failure;
  }

  #fail(error: Error): void {
    this.#end(() => this.#settle.reject(error));
    this.outcome.catch(() => {});
    this.#tell.reject(error);
  }

  #end(settle: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#endedAt = performance.now();
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
