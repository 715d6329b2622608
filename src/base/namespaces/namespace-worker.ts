// The one thread of a process that changes namespaces: it builds jails, spawns in them, and attaches mounts to them.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { errnoOf, isVirtcontainersError, reasonOf, VirtcontainersError } from '../errors.js';
import { type MeasuredSpan, monotonicMs, span } from '../trace/span.js';
import { attachInNamespace, detachInNamespace, sealInNamespace } from './attach.js';
import { closeHull, createHull, endHull, enterHull, Home, type Hull, started } from './hull.js';
import { buildRoot, closeRootParts, openRootParts } from './jail-root.js';
import { ThreadGate } from './thread-gate.js';
import type {
  ErrorMessage,
  PostedRequest,
  SpawnRequest,
  WorkerMessage,
  WorkerRequest,
  WorkerStart,
} from './worker-protocol.js';

// Everything here must be synchronous file access: Node's pool threads are in the host's namespaces. And no thread may
// be started while this one's children belong to another pid namespace: the kernel refuses that.

const port = parentPort;
if (port === null) throw new Error('this file runs as a worker only');
const start = workerData as WorkerStart;
const gate = new ThreadGate(start.gate);
const home = new Home();
/** Most spans that an answer tells. */
const maxSpans = 64;
let prepared: Hull | undefined;
// By the pid of the process in it, while that is not reaped.
const hulls = new Map<number, Hull>();
let untoldStart = startOfThread();

function send(message: WorkerMessage): void {
  port?.postMessage(message);
}

async function prepare(): Promise<null> {
  prepared ??= await span('namespaces', () => createHull(home));
  return null;
}

function end(): null {
  if (prepared !== undefined) closeHull(prepared);
  home.close();
  port?.close();
  return null;
}

async function takeHull(): Promise<Hull> {
  const hull = prepared;
  prepared = undefined;
  const usable =
    hull !== undefined && hull.keeper.exitCode === null && hull.keeper.signalCode === null;
  if (usable) return hull;
  if (hull !== undefined) closeHull(hull);
  return span('namespaces', () => createHull(home));
}

async function spawnJailed(request: SpawnRequest): Promise<number> {
  const root = openRootParts(request);
  try {
    const hull = await takeHull();
    try {
      const child = await spawnInHull(request, hull, () => buildRoot(request, root));
      follow(child, hull);
      return child.pid ?? -1;
    } catch (error) {
      closeHull(hull);
      throw error;
    }
  } finally {
    closeRootParts(root);
  }
}

async function spawnInHull(
  request: SpawnRequest,
  hull: Hull,
  build: () => void,
): Promise<ChildProcess> {
  enterHull(hull);
  try {
    span('root', build);
    checkProgram(request.program);
    const [program = '', ...args] = request.argv;
    return await span('spawn', async () => {
      const child = spawn(program, args, {
        // In a session of its own: a ^C or ^Z on our terminal is for us.
        detached: true,
        cwd: request.cwd,
        env: request.env,
        stdio: [request.inputFd, request.outputFd, request.outputFd, ...request.inheritedFds],
      });
      await started(child);
      return child;
    });
  } finally {
    home.enter();
  }
}

function checkProgram(program: string): void {
  try {
    accessSync(program, constants.X_OK);
  } catch (error) {
    throw new VirtcontainersError(
      errnoOf(error) === 'ENOENT' ? 'not-found' : 'invalid-argument',
      `cannot start ${program} in its jail: ${reasonOf(error)}`,
    );
  }
}

function follow(child: ChildProcess, hull: Hull): void {
  const pid = child.pid ?? -1;
  hulls.set(pid, hull);
  child.once('exit', (code, signal) => {
    hulls.delete(pid);
    closeHull(hull);
    send({ kind: 'exit', pid, code, signal });
  });
}

function kill(pid: number): null {
  const hull = hulls.get(pid);
  if (hull !== undefined) endHull(hull);
  return null;
}

async function carryOut(request: WorkerRequest): Promise<number | null> {
  switch (request.kind) {
    case 'prepare':
      return prepare();
    case 'end':
      return end();
    case 'spawn':
      return spawnJailed(request);
    case 'kill':
      return kill(request.pid);
    case 'attach':
      return attachInNamespace(home, request);
    case 'detach':
      return detachInNamespace(home, request);
    case 'seal':
      return sealInNamespace(home, request);
  }
}

interface Outcome {
  readonly result: number | null;
  readonly spans: readonly MeasuredSpan[];
}

async function untraced(request: WorkerRequest): Promise<Outcome> {
  return { result: await carryOut(request), spans: [] };
}

// The recorder is loaded while the thread is at home.
async function traced(request: WorkerRequest): Promise<Outcome> {
  const told = untoldStart;
  untoldStart = [];
  const { Recorder, toMeasured } = await import('../trace/recorder.js');
  const recorder = new Recorder(maxSpans);
  const result = await recorder.run(() => carryOut(request));
  return { result, spans: [...toMeasured(recorder.spans), ...told] };
}

function startOfThread(): readonly MeasuredSpan[] {
  const { tracedSinceMs } = start;
  if (tracedSinceMs === null) return [];
  const times = { beginMs: tracedSinceMs, endMs: monotonicMs() };
  return [{ name: 'start-worker', lane: 'host', ...times, parent: null }];
}

function toErrorMessage(error: unknown): ErrorMessage {
  const ours = isVirtcontainersError(error);
  return {
    code: ours ? error.code : 'internal',
    message: reasonOf(error),
    errno: errnoOf(ours ? error.cause : error) ?? null,
  };
}

// One after the other: where the thread is, is one state for all of them.
let last: Promise<void> = Promise.resolve();
port.on('message', ({ id, request, isTraced }: PostedRequest) => {
  last = last.then(async () => {
    if (!gate.enter()) return;
    try {
      const { result, spans } = isTraced ? await traced(request) : await untraced(request);
      send({ kind: 'done', id, pid: result, spans });
    } catch (error) {
      send({ kind: 'failed', id, error: toErrorMessage(error) });
    } finally {
      gate.leave();
    }
  });
});
gate.leave();
