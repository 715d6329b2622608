// The main thread's side of the namespace worker: one per process, started when needed, ended when idle.
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { waitFor } from '../deadline.js';
import { reasonOf, VirtcontainersError } from '../errors.js';
import type { WorkerMessage, WorkerRequest } from './worker-protocol.js';

/** Longest wait for one request, in milliseconds; a jail takes 15 on a quiet machine. */
const requestTimeoutMs = 15_000;
/** How long a worker without jails and requests is kept, in milliseconds: its start takes 60. */
const idleMs = 10_000;

/** How a jailed process ended. */
export interface JailedExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Pending {
  readonly resolve: (pid: number | null) => void;
  readonly reject: (error: Error) => void;
}

/** A failure in the worker; `details.errno` names the system call's error, if that is what it was. */
function workerError(code: VirtcontainersError['code'], message: string, errno: string | null) {
  return new VirtcontainersError(code, message, { details: errno === null ? {} : { errno } });
}

/**
 * The thread that changes namespaces. It lives as long as a process that it has spawned, because the parent-death
 * signal follows the thread; it keeps the process alive only while a request is under way.
 */
class NamespaceWorker {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #jailed = new Map<number, (exit: JailedExit) => void>();
  #onEnd: () => void;
  #lastId = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL('./namespace-worker.js', import.meta.url), {
      env: {},
      execArgv: [],
      // It closes descriptors that system calls made, which Node would warn of.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.unref();
    this.#worker.on('message', (message: WorkerMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(reasonOf(error)));
    this.#worker.on('exit', () => this.#end('it has ended'));
  }

  /** Carries out one request; for a spawn, `onExit` is told how the process ended. */
  async request(
    request: WorkerRequest,
    onExit?: (exit: JailedExit) => void,
  ): Promise<number | null> {
    clearTimeout(this.#idleTimer);
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<number | null>((resolve, reject) => {
      const resolveAndFollow = (pid: number | null): void => {
        // In the same turn as the message: an exit may be the next one.
        if (pid !== null && onExit !== undefined) this.#jailed.set(pid, onExit);
        resolve(pid);
      };
      this.#pending.set(id, { resolve: resolveAndFollow, reject });
    });
    this.#worker.ref();
    this.#worker.postMessage({ id, request });
    try {
      const what = `cannot ${request.kind === 'prepare' ? 'prepare a jail' : `${request.kind} in a jail`}`;
      return await waitFor(answer, { what, timeoutMs: requestTimeoutMs });
    } finally {
      this.#pending.delete(id);
      this.#settle();
    }
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === 'exit') {
      this.#jailed.get(message.pid)?.({ code: message.code, signal: message.signal });
      this.#jailed.delete(message.pid);
      this.#settle();
      return;
    }
    const pending = this.#pending.get(message.id);
    if (message.kind === 'done') pending?.resolve(message.pid);
    else {
      const { code, message: text, errno } = message.error;
      pending?.reject(workerError(code, text, errno));
    }
  }

  #settle(): void {
    if (this.#pending.size > 0) return;
    this.#worker.unref();
    if (this.#jailed.size > 0) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#retire(), idleMs).unref();
  }

  // Asked and not terminated: a thread that is cut off leaves its descriptors open. Whoever comes now gets the next one.
  #retire(): void {
    this.#forget();
    this.#worker.postMessage({ id: 0, request: { kind: 'end' } });
  }

  /** Once: another worker may have taken its place by the time it ends. */
  #forget(): void {
    this.#onEnd();
    this.#onEnd = () => {};
  }

  #end(reason: string): void {
    clearTimeout(this.#idleTimer);
    this.#forget();
    for (const { reject } of this.#pending.values()) {
      reject(workerError('internal', `the namespace worker failed: ${reason}`, null));
    }
    // They die with the thread that spawned them.
    for (const exited of this.#jailed.values()) exited({ code: null, signal: 'SIGKILL' });
    this.#pending.clear();
    this.#jailed.clear();
  }
}

let starting: Promise<NamespaceWorker> | undefined;

/** The process' worker; started if there is none. */
export function namespaceWorker(): Promise<NamespaceWorker> {
  starting ??= start();
  return starting;
}

async function start(): Promise<NamespaceWorker> {
  // Any asynchronous file access makes Node's pool threads, which the worker's own thread could not make later.
  await stat('/');
  return new NamespaceWorker(() => {
    starting = undefined;
  });
}
