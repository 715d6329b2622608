// The main thread's side of the namespace worker: one takes requests, is started when needed and ended when idle.
import { closeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { waitFor } from '../deadline.js';
import { reasonOf, VirtcontainersError } from '../errors.js';
import { monotonicMs, type Recording, recording } from '../trace/span.js';
import { ThreadGate } from './thread-gate.js';
import type {
  PostedRequest,
  WorkerMessage,
  WorkerRequest,
  WorkerStart,
} from './worker-protocol.js';

/** Longest wait for one request, in milliseconds; a jail takes 15 on a quiet machine. */
const requestTimeoutMs = 15_000;
/** How long a worker without jails and requests is kept, in milliseconds: its start takes 60. */
const idleMs = 10_000;
/** How long the process' end waits for a worker in the middle of something, in milliseconds; starting takes it 60. */
const leaveTimeoutMs = 2000;

/** How a jailed process ended. */
export interface JailedExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What belongs to a request. */
export interface RequestParts {
  /** Descriptors that the request names. They are the worker's, and are closed when it no longer uses them, even late. */
  readonly descriptors?: readonly number[];
  /** Told how a spawned process ended. */
  readonly onExit?: (exit: JailedExit) => void;
}

/** Waits for its answer, also after whoever made it has been told that there is none. */
interface Pending extends RequestParts {
  readonly request: WorkerRequest;
  readonly resolve: (pid: number | null) => void;
  readonly reject: (error: Error) => void;
  readonly trace: Recording | undefined;
  isGivenUp: boolean;
}

/** A failure in the worker; `details.errno` names the system call's error, if that is what it was. */
function workerError(code: VirtcontainersError['code'], message: string, errno: string | null) {
  return new VirtcontainersError(code, message, { details: errno === null ? {} : { errno } });
}

/** What takes back a request that was carried out too late. */
function undoOf(request: WorkerRequest, pid: number | null): WorkerRequest | null {
  if (request.kind === 'spawn' && pid !== null) return { kind: 'kill', pid };
  if (request.kind !== 'attach') return null;
  return { kind: 'detach', pid: request.pid, root: request.root, path: request.path };
}

/**
 * The thread that changes namespaces. It lives as long as a process that it has spawned, because the parent-death
 * signal follows the thread; it keeps the process alive only while a request is under way. One that leaves a request
 * unanswered gets no more of them, for it may hang in the kernel, but keeps the jails that it has.
 */
class NamespaceWorker {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #jailed = new Map<number, (exit: JailedExit) => void>();
  readonly #gate = new ThreadGate();
  readonly #leave = (): void => this.#gate.close(leaveTimeoutMs);
  #onEnd: () => void;
  #lastId = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    const tracedSinceMs = recording() === undefined ? null : monotonicMs();
    this.#worker = new Worker(new URL('./namespace-worker.js', import.meta.url), {
      env: {},
      workerData: { tracedSinceMs, gate: this.#gate.cells } satisfies WorkerStart,
      execArgv: [],
      // It closes descriptors that system calls made, which Node would warn of.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.unref();
    process.on('exit', this.#leave);
    this.#worker.on('message', (message: WorkerMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(reasonOf(error)));
    this.#worker.on('exit', () => this.#end('it has ended'));
  }

  /** Carries out one request. What comes of it after its time is up is undone. */
  async request(request: WorkerRequest, parts: RequestParts = {}): Promise<number | null> {
    clearTimeout(this.#idleTimer);
    this.#lastId += 1;
    const id = this.#lastId;
    const trace = recording();
    const answer = new Promise<number | null>((resolve, reject) => {
      this.#pending.set(id, { ...parts, request, resolve, reject, trace, isGivenUp: false });
    });
    this.#worker.ref();
    this.#post({ id, request, isTraced: trace !== undefined });
    try {
      const what = `cannot ${request.kind === 'prepare' ? 'prepare a jail' : `${request.kind} in a jail`}`;
      return await waitFor(answer, { what, timeoutMs: requestTimeoutMs });
    } catch (error) {
      this.#giveUp(id);
      throw error;
    } finally {
      this.#settle();
    }
  }

  #post(request: PostedRequest): void {
    this.#worker.postMessage(request);
  }

  #giveUp(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    pending.isGivenUp = true;
    this.#forget();
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === 'exit') {
      this.#jailed.get(message.pid)?.({ code: message.code, signal: message.signal });
      this.#jailed.delete(message.pid);
    } else {
      this.#answer(message);
    }
    this.#settle();
  }

  #answer(message: Exclude<WorkerMessage, { kind: 'exit' }>): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#take(message.id, pending);
    if (message.kind === 'failed') {
      const { code, message: text, errno } = message.error;
      pending.reject(workerError(code, text, errno));
      return;
    }
    const { pid } = message;
    pending.trace?.adopt(message.spans);
    if (pending.isGivenUp) {
      const undo = undoOf(pending.request, pid);
      if (undo !== null) this.#post({ id: 0, request: undo, isTraced: false });
      return;
    }
    // In the same turn as the message: an exit may be the next one.
    if (pid !== null && pending.onExit !== undefined) this.#jailed.set(pid, pending.onExit);
    pending.resolve(pid);
  }

  #take(id: number, { descriptors = [] }: Pending): void {
    this.#pending.delete(id);
    for (const fd of descriptors) closeSync(fd);
  }

  #settle(): void {
    if ([...this.#pending.values()].some((pending) => !pending.isGivenUp)) return;
    this.#worker.unref();
    // One that still owes an answer must live to undo it: nobody else can reap what it has spawned.
    if (this.#pending.size > 0 || this.#jailed.size > 0) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#retire(), idleMs).unref();
  }

  // Asked and not terminated: a thread that is cut off leaves its descriptors open. Whoever comes now gets the next one.
  #retire(): void {
    this.#forget();
    this.#post({ id: 0, request: { kind: 'end' }, isTraced: false });
  }

  /** Once: another worker may have taken its place by the time it ends. */
  #forget(): void {
    this.#onEnd();
    this.#onEnd = () => {};
  }

  #end(reason: string): void {
    clearTimeout(this.#idleTimer);
    process.off('exit', this.#leave);
    this.#forget();
    for (const [id, pending] of this.#pending) {
      this.#take(id, pending);
      pending.reject(workerError('internal', `the namespace worker failed: ${reason}`, null));
    }
    // They die with the thread that spawned them.
    for (const exited of this.#jailed.values()) exited({ code: null, signal: 'SIGKILL' });
    this.#jailed.clear();
  }
}

let starting: Promise<NamespaceWorker> | undefined;

/** The worker that takes requests; started if there is none. */
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
