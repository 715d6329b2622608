// A process as its holder sees it, whoever owns its VM: how it ended, who asked for that, what it printed.

import type { Readable, Writable } from 'node:stream';
import { inspect } from 'node:util';
import { waitFor } from '../base/deadline.js';
import { VirtcontainersError, withDetails } from '../base/errors.js';
import type { TerminalSize } from '../model/container-config.js';
import type { ExitStatus } from '../model/exit-status.js';
import { killWaitMs } from '../model/limits.js';
import type { AbortOptions, LinesOptions, OutputOptions } from '../model/options.js';
import {
  type EndConfig,
  parseLinesOptions,
  parseOutputOptions,
} from '../model/parse/command-options.js';
import { checkAbortOptions } from '../model/parse/pod-options.js';
import type { Process } from '../model/pod.js';
import type { ProcessResult } from '../model/process-result.js';
import { collectOutput } from './collect-output.js';
import { notEnded } from './end-group.js';
import { linesOf } from './lines.js';
import { settlesWithin } from './settle.js';

/** A process' output as its holder draws it. */
export interface HeldOutput extends Readable {
  /** Settles when nothing more will come: all is here, or it was given up. */
  readonly drawn: Promise<void>;
  /** Nothing will come any more, and something may be missing: ends the stream with that error, unless it has ended. */
  stop(error: Error): void;
}

/** How a process and all that came from it is ended. */
export type EndHow = Omit<EndConfig, 'timeoutMs'>;

interface Settling {
  readonly resolve: (exit: ExitStatus) => void;
  readonly reject: (error: Error) => void;
}

const settled: Settling = { resolve: () => {}, reject: () => {} };

/** One run of a process. */
export abstract class HeldProcess implements Process {
  readonly id: string;
  readonly command: readonly string[];
  abstract readonly stdin: Writable;
  abstract readonly stdout: HeldOutput;
  abstract readonly stderr: HeldOutput;
  /** How it ended; rejects where nobody can tell. */
  readonly exited: Promise<ExitStatus>;
  /** What its waiters get: as `exited`, or the error that it was ended with, once nothing of it is left. */
  readonly outcome: Promise<ExitStatus>;
  /** How messages name it: `container web`, `process x of container web`. */
  protected readonly name: string;
  #settle = settled;
  #tell = settled;
  #ended = false;
  #exit: ExitStatus | null = null;
  #demanded: Promise<VirtcontainersError> | null = null;
  #ending: Promise<unknown> = Promise.resolve();
  #startedAt = performance.now();
  #endedAt: number | null = null;

  constructor(traits: {
    readonly id: string;
    readonly command: readonly string[];
    readonly name: string;
  }) {
    this.id = traits.id;
    this.command = traits.command;
    this.name = traits.name;
    this.exited = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.outcome = new Promise((resolve, reject) => {
      this.#tell = { resolve, reject };
    });
  }

  abstract kill(
    signalName?: NodeJS.Signals | string | number,
    options?: AbortOptions,
  ): Promise<void>;
  abstract resize(size: TerminalSize, options?: AbortOptions): Promise<void>;
  /** Resolves when nothing is left of it and of what came from it. */
  protected abstract endGroupNow(how: EndHow & { readonly what: string }): Promise<void>;
  /** It has ended, or is lost. */
  protected abstract hasEnded(): void;

  /** The beginning of the error of one that exec made and that does not end by itself. */
  get finishing(): string {
    return `cannot finish ${JSON.stringify((this.command[0] ?? '').slice(0, 200))} (${this.name})`;
  }

  /** Settles when it has ended and all its output is here or given up. */
  get finished(): Promise<void> {
    return Promise.allSettled([this.exited, this.stdout.drawn, this.stderr.drawn]).then(() => {});
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

  /** Nothing more will be heard of it: whoever waits for it gets this error, unless its end is known. */
  lose(error: VirtcontainersError): void {
    this.fail(error);
    this.cut(error);
  }

  /** Ends it and all that came from it; when nothing of it is left, whoever waits for it gets this error. */
  endAll(error: VirtcontainersError, how: EndHow): void {
    this.#demanded ??= this.#endAll(error, how);
  }

  /** Ends all that came from it, itself included; nobody is told that it was asked for. */
  async endGroup(how: EndHow): Promise<void> {
    const work = this.endGroupNow({ what: `cannot end ${this.name}`, ...how });
    this.#ending = Promise.allSettled([this.#ending, work]);
    await work;
  }

  /** Settles when nobody is ending what came from it any more: until then the guest has to know it. */
  get ending(): Promise<unknown> {
    return this.#ending;
  }

  /** Ends streams that have not ended: whoever reads them learns that something may be missing. */
  cut(cause?: VirtcontainersError): void {
    const what = `cannot read output of ${this.name}`;
    const error =
      cause ??
      new VirtcontainersError('unavailable', `${what}: it was removed before its output ended`);
    this.stdout.stop(error);
    this.stderr.stop(error);
  }

  async wait(options?: AbortOptions): Promise<ExitStatus> {
    const what = `cannot wait for ${this.name}`;
    await checkAbortOptions(what, options);
    return waitFor(this.outcome, { what, signal: options?.signal });
  }

  async output(options?: OutputOptions): Promise<ProcessResult> {
    const what = `cannot collect the output of ${this.name}`;
    const { maxBufferBytes } = await parseOutputOptions(what, options);
    return collectOutput(this, { what, maxBufferBytes, signal: options?.signal });
  }

  async *lines(options?: LinesOptions): AsyncGenerator<string, void, undefined> {
    const what = `cannot read lines of ${this.name}`;
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

  /** How it ended is known. @param demanded what it was ended with elsewhere: its waiters get that */
  protected succeed(exit: ExitStatus, demanded: VirtcontainersError | null = null): void {
    this.#exit ??= exit;
    this.#end(() => this.#settle.resolve(exit));
    if (demanded !== null) this.#refuse(demanded);
    else if (this.#demanded === null) this.#tell.resolve(exit);
  }

  /** How it ended nobody will tell. */
  protected fail(error: Error): void {
    this.#end(() => this.#settle.reject(error));
    this.#refuse(error);
  }

  // Nobody may be waiting; whoever does later still gets the error.
  #refuse(error: Error): void {
    this.outcome.catch(() => {});
    this.#tell.reject(error);
  }

  async #endAll(error: VirtcontainersError, how: EndHow): Promise<VirtcontainersError> {
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
    this.#refuse(failure);
    const drawn = Promise.all([this.stdout.drawn, this.stderr.drawn]);
    // What somebody else has open is read no more.
    void settlesWithin(drawn, drawMs).then(() => this.cut(failure));
    return failure;
  }

  #end(settle: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#endedAt = performance.now();
    this.exited.catch(() => {});
    settle();
    this.hasEnded();
  }
}
