// A shim's life: makes the pod that it is asked for, serves it, and ends with it.
import type { EventEmitter } from 'node:events';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { waitFor } from '../../base/deadline.js';
import { VirtcontainersError } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import { toPlainError } from '../../base/plain-error.js';
import { readLines } from '../../base/read-lines.js';
import { version } from '../../base/version.js';
import { podLogDirectory } from '../../host/logs/pod-log-directory.js';
import { shimHelloTimeoutMs } from '../../model/limits.js';
import type { Pod, Process } from '../../model/pod.js';
import type { ProgressEvent } from '../../model/progress.js';
import type { RuntimeConfig } from '../../model/runtime-config.js';
import type { Warning } from '../../model/warning.js';
import { KeptOutputs } from '../../owner/io/kept-outputs.js';
import {
  accepted,
  maxShimLineBytes,
  parseShimRequest,
  type ShimMessage,
  type ShimRequest,
} from '../../owner/shim/shim-protocol.js';
import type { LocalRuntime } from '../../pod/local-runtime.js';
import { openContainerLog, removeContainerLog } from './container-log.js';
import { ShimLog } from './shim-log.js';

/** What a runtime of a shim is given. */
export interface ShimHooks {
  readonly logger: Logger;
  readonly onWarning: (warning: Warning) => void;
  readonly keepOutput: (containerId: string, init: Process) => void;
}

/** What a shim stands on. */
export interface ShimParts {
  readonly input: Readable;
  readonly output: Writable;
  /** Who tells signals, and faults that nobody has caught: the process. */
  readonly process: Pick<EventEmitter, 'on' | 'off'>;
  /** What makes its pod. */
  readonly createRuntime: (config: RuntimeConfig, hooks: ShimHooks) => LocalRuntime;
  /** Opens the sockets of its pod, and keeps its output. */
  readonly serve: (pod: Pod, place: ShimPlace) => Promise<{ close(): Promise<void> }>;
}

/** Where a shim's pod has its things. */
export interface ShimPlace {
  /** Its run directory. */
  readonly directory: string;
  /** What its containers print. */
  readonly outputs: KeptOutputs;
}

/** Runs a shim to its end: its pod is deleted or was never made. Resolves with the exit code and never rejects. */
export async function runShim(parts: ShimParts): Promise<number> {
  const say = (message: ShimMessage): void => {
    parts.output.write(`${JSON.stringify(message)}\n`);
  };
  const caller = new Caller(parts.input);
  try {
    const request = parseShimRequest(await caller.request(), version);
    say({ kind: 'started' });
    return await ownPod(parts, { request, caller, say });
  } catch (error) {
    say({ kind: 'error', error: toPlainError(error) });
    return 1;
  }
}

interface Start {
  readonly request: ShimRequest;
  readonly caller: Caller;
  readonly say: (message: ShimMessage) => void;
}

async function ownPod(parts: ShimParts, start: Start): Promise<number> {
  const log = new ShimLog(start.request.logLevel);
  const ended = new AbortController();
  const onTerminate = (): void => ended.abort();
  let onFault = (_error: unknown): void => {};
  const fault = new Promise<never>((_resolve, reject) => {
    onFault = reject;
  });
  parts.process.on('SIGTERM', onTerminate);
  parts.process.on('uncaughtException', onFault);
  try {
    const living = makeAndServe(parts, { ...start, log, ended: ended.signal });
    await Promise.race([living, fault]);
    return 0;
  } catch (error) {
    log.logger.error({ err: error }, 'the shim fails');
    throw error;
  } finally {
    parts.process.off('SIGTERM', onTerminate);
    await log.close();
  }
}

async function makeAndServe(
  parts: ShimParts,
  start: Start & { readonly log: ShimLog; readonly ended: AbortSignal },
): Promise<void> {
  const { request, caller, say, log, ended } = start;
  const { config, template } = request;
  const logs = podLogDirectory(path.join(config.libRoot, 'logs'), request.pod.id);
  const unwanted = AbortSignal.any([caller.gone, ended]);
  const onProgress = (event: ProgressEvent): void => {
    say({ kind: 'progress', event });
    // After that step the pod's name is ours, and its logs with it.
    if (event.step !== 'store') log.open(logs);
  };
  const onWarning = (warning: Warning): void => {
    log.logger.warn({ pod: warning.podId, code: warning.code }, warning.message);
    say({ kind: 'warning', warning });
  };
  const outputs = new KeptOutputs((containerId) => openContainerLog(logs, containerId));
  const runtime = parts.createRuntime(config, {
    logger: log.logger,
    onWarning,
    keepOutput: (containerId, init) => outputs.keep(containerId, init),
  });
  const options = { ...request.pod, template, detached: true, signal: unwanted, onProgress };
  const pod = await runtime.createPod(options);
  const { store } = await runtime.mechanisms();
  const place = { directory: store.directoryOf(pod.id), outputs };
  const server = await serveOrDelete(parts, pod, place);
  try {
    say({ kind: 'ready' });
    await caller.accepts(unwanted).catch(async (error: unknown) => {
      await pod.delete({ force: true });
      throw error;
    });
    log.logger.info({ pod: pod.id, pid: process.pid }, 'the shim owns the pod');
    await liveWith(pod, { ended, log: log.logger, outputs, logs });
  } finally {
    await server.close();
    await outputs.close();
  }
}

async function serveOrDelete(
  parts: ShimParts,
  pod: Pod,
  place: ShimPlace,
): Promise<{ close(): Promise<void> }> {
  try {
    return await parts.serve(pod, place);
  } catch (error) {
    await pod.delete({ force: true });
    throw error;
  }
}

/** Until the pod is deleted, or the shim is asked to end: then its containers are stopped in order, and the pod stays as a stopped one. */
async function liveWith(
  pod: Pod,
  {
    ended,
    log,
    outputs,
    logs,
  }: {
    readonly ended: AbortSignal;
    readonly log: Logger;
    readonly outputs: KeptOutputs;
    /** Directory of its logs. */
    readonly logs: string;
  },
): Promise<void> {
  // A shim has nothing else that keeps it alive, and shall live.
  const alive = setInterval(() => {}, 2 ** 31 - 1);
  try {
    for await (const event of pod.events({ signal: ended })) {
      log.debug({ pod: pod.id, event: event.kind }, 'an event');
      if (event.kind !== 'container-deleted') continue;
      await outputs.forget(event.containerId);
      removeContainerLog(logs, event.containerId);
    }
    if (!ended.aborted) return;
    log.info({ pod: pod.id }, 'the shim is asked to end: the pod is stopped');
    await pod.stop();
  } finally {
    clearInterval(alive);
  }
}

/** Whoever has started the shim: sends the request and a word in the end, and wants nothing any more when its end of the pipe is closed. */
class Caller {
  readonly #lines: AsyncGenerator<string, undefined>;
  readonly #gone = new AbortController();
  #word: Promise<string | undefined> | undefined;

  constructor(input: Readable) {
    this.#lines = readLines(input, maxShimLineBytes);
  }

  /** Fires when it is gone, or has said something else than that it accepts. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async request(): Promise<string> {
    const what = 'cannot start a shim';
    const { value } = await waitFor(this.#lines.next(), { what, timeoutMs: shimHelloTimeoutMs });
    if (value === undefined) {
      throw new VirtcontainersError('invalid-argument', `${what}: nothing was asked for`, {
        hint: 'it is started by createPod({ detached: true }), and by nobody else',
      });
    }
    this.#word = this.#lines.next().then(
      (next) => next.value,
      () => undefined,
    );
    void this.#word.then((word) => {
      if (word !== accepted) this.#gone.abort();
    });
    return value;
  }

  /** Resolves when the caller accepts the pod. @throws AbortError */
  async accepts(unwanted: AbortSignal): Promise<void> {
    const what = 'cannot hand the pod out';
    await waitFor(this.#word ?? Promise.resolve(undefined), { what, signal: unwanted });
    if (this.#gone.signal.aborted) throw new VirtcontainersError('cancelled', `${what}: aborted`);
  }
}
