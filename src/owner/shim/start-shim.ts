// Speaks with a new shim until its pod is ready: a process that owns one pod and outlives this one.
import type { Readable, Writable } from 'node:stream';
import { waitFor } from '../../base/deadline.js';
import { abortError, throwIfAborted, VirtcontainersError } from '../../base/errors.js';
import { fromPlainError } from '../../base/plain-error.js';
import { readLines } from '../../base/read-lines.js';
import { printable } from '../../base/untrusted-text.js';
import { shimHelloTimeoutMs, shimUndoTimeoutMs } from '../../model/limits.js';
import type { ProgressEvent } from '../../model/progress.js';
import type { Warning } from '../../model/warning.js';
import {
  accepted,
  maxShimLineBytes,
  parseShimMessage,
  type ShimMessage,
  type ShimRequest,
} from './shim-protocol.js';

export interface StartShimOptions {
  /** Before the pod is ready: nothing is left of it. */
  readonly signal: AbortSignal;
  readonly onProgress: (event: ProgressEvent) => void;
  readonly onWarning: (warning: Warning) => void;
}

/** A shim whose pod is ready and that waits to be told whether it is still wanted. */
export interface StartedShim {
  readonly pid: number;
  /** Lets it go: from now on its pod is no more this process' business. */
  accept(): Promise<void>;
  /** Has it undo its pod, and waits for that. */
  refuse(): Promise<void>;
}

/** A shim's process, to whoever has spawned it. */
export interface ShimProcess {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves with how it ended, in words. */
  readonly exited: Promise<string>;
  kill(): void;
  /** Neither it nor its pipes keep this process alive any more. */
  letGo(): void;
}

/** Of what it prints beside its messages, as much is told where it fails. */
const stderrTailBytes = 4096;

/**
 * Has a new shim make its pod, and resolves when that is ready.
 * @throws VirtcontainersError what the pod could not be made for; `unavailable` if the shim ends without a word, its pid in
 *   `details.shimPid`
 */
export async function startShim(
  request: ShimRequest,
  spawn: () => ShimProcess,
  options: StartShimOptions,
): Promise<StartedShim> {
  const what = `cannot create pod ${request.pod.id}`;
  throwIfAborted(options.signal, what);
  const shim = new Shim(what, spawn());
  try {
    await shim.makePod(request, options);
    return shim;
  } catch (error) {
    await shim.refuse();
    throw error;
  }
}

class Shim implements StartedShim {
  readonly #what: string;
  readonly #process: ShimProcess;
  #stderrTail: Buffer = Buffer.alloc(0);

  constructor(what: string, process: ShimProcess) {
    this.#what = what;
    this.#process = process;
    process.stderr.on('data', (chunk: Buffer) => {
      this.#stderrTail = Buffer.concat([this.#stderrTail, chunk]).subarray(-stderrTailBytes);
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  async makePod(request: ShimRequest, options: StartShimOptions): Promise<void> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const messages = this.#messages();
    for (let timeoutMs: number | undefined = shimHelloTimeoutMs; ; timeoutMs = undefined) {
      const message = await this.#answer(messages.next(), options.signal, timeoutMs);
      if (message.kind === 'ready') return;
      if (message.kind === 'error') throw fromPlainError(message.error);
      if (message.kind === 'progress') options.onProgress(message.event);
      if (message.kind === 'warning') options.onWarning(message.warning);
    }
  }

  async accept(): Promise<void> {
    const { stdin } = this.#process;
    // A shim that is gone is told of by whatever is asked of its pod next.
    await new Promise<void>((resolve) => stdin.end(`${accepted}\n`, () => resolve()));
    this.#process.letGo();
  }

  async refuse(): Promise<void> {
    const { stdin, stdout, exited } = this.#process;
    stdin.end();
    stdout.destroy();
    try {
      await waitFor(exited, { what: this.#what, timeoutMs: shimUndoTimeoutMs });
    } catch {
      // Its VM ends with it; the rest is what dead owners leave.
      this.#process.kill();
      await exited;
    }
    this.#process.letGo();
  }

  async *#messages(): AsyncGenerator<ShimMessage, undefined> {
    for await (const line of readLines(this.#process.stdout, maxShimLineBytes)) {
      const message = parseShimMessage(line);
      if (message !== null) yield message;
    }
    return undefined;
  }

  async #answer(
    next: Promise<IteratorResult<ShimMessage, undefined>>,
    signal: AbortSignal,
    timeoutMs?: number,
  ): Promise<ShimMessage> {
    const { value } = await waitFor(next, { what: this.#what, signal, timeoutMs });
    if (value !== undefined) return value;
    if (signal.aborted) throw abortError(signal, this.#what);
    const how = await waitFor(this.#process.exited, {
      what: this.#what,
      timeoutMs: shimHelloTimeoutMs,
    });
    const said = printable(this.#stderrTail.toString('utf8').trim(), stderrTailBytes);
    const reason = `its shim has ended before the pod was ready: ${how}`;
    throw new VirtcontainersError('unavailable', `${this.#what}: ${reason}`, {
      details: { shimPid: this.pid, ...(said === '' ? {} : { stderrTail: said }) },
    });
  }
}
