// Runs one container in a pod of its own from boot to removal, wired to our streams, signals and terminal.
import type { Readable, Writable } from 'node:stream';
import { hasLeftovers } from '../../../base/errors.js';
import { recording, span } from '../../../base/trace/span.js';
import { Undo } from '../../../base/undo.js';
import type { TerminalSize } from '../../../model/container-config.js';
import type { ExitStatus } from '../../../model/exit-status.js';
import type { Container, Runtime } from '../../../model/pod.js';
import type { Timings } from '../../../model/progress.js';
import { exitCodes } from '../report.js';
import { Interrupts, type SignalSource } from './interrupts.js';
import { type RunPlace, runPlace } from './run-place.js';
import type { RunRequest } from './run-request.js';
import { attachInput, copyOutput } from './streams.js';
import type { Terminal } from './terminal.js';
import { limitTime } from './time-limit.js';

/** What surrounds a run; tests give fakes. */
export interface RunContext {
  readonly runtime: Runtime;
  readonly signals: SignalSource;
  readonly terminal: Terminal;
  /** Opened only if the container gets our input. */
  readonly openStdin: () => Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Called when the container runs: its output may begin. */
  readonly onStarted: () => void;
  /** Called when the command has run for as long as it may. */
  readonly onTimedOut: () => void;
  /** Called when the command has ended by itself, by a signal or by its time limit. */
  readonly onEnded?: (status: ExitStatus) => void;
  /** Called when the kernel has killed the command for want of memory; all its output has been passed on. */
  readonly onOutOfMemory: () => void;
  readonly onTimings: (timings: Timings) => void;
}

// What a shell says of a program that SIGPIPE ended.
const brokenPipe = exitCodes.signalBase + 13;

/** Resolves with the exit code once nothing of the pod is left. */
export async function runContainer(request: RunRequest, context: RunContext): Promise<number> {
  const interrupts = new Interrupts(context.signals);
  const place = runPlace(context.runtime, request);
  const cleanUp = async (): Promise<void> => {
    interrupts.close();
    context.terminal.restore();
    const { pod } = place;
    if (pod !== undefined) context.onTimings(pod.timings);
    await place.leave();
  };
  try {
    const code = await Undo.run(async (undo) => {
      undo.add(place.noun, cleanUp);
      return await outcome(interrupts, async () => {
        await place.enter({ signal: interrupts.signal });
        return await runIn(place, request, { ...context, interrupts });
      });
    });
    await cleanUp();
    return code;
  } finally {
    interrupts.dispose();
  }
}

/** The exit code of `work`: an end that a signal asked for has its own, one for another reason is thrown. */
async function outcome(interrupts: Interrupts, work: () => Promise<number>): Promise<number> {
  let code: number;
  try {
    code = await work();
  } catch (error) {
    if (interrupts.exitCode !== undefined && !hasLeftovers(error)) return interrupts.exitCode;
    throw interrupts.failure ?? error;
  }
  if (interrupts.failure !== undefined) throw interrupts.failure;
  return interrupts.exitCode ?? code;
}

type Run = RunContext & { readonly interrupts: Interrupts };

async function runIn(place: RunPlace, request: RunRequest, run: Run): Promise<number> {
  const { interrupts, terminal } = run;
  const { signal } = interrupts;
  const size = terminal.size();
  const container = await place.createContainer({
    ...request.container,
    ...(request.tty ? { terminal: size } : {}),
    signal,
  });
  await container.start({ signal });
  run.onStarted();
  const output = copyAll(container, run);
  // Looked at below; until then a failure must not count as unhandled.
  output.catch(() => {});
  interrupts.forwardTo((name) => {
    // A container that is gone already needs no signal, and a dead VM is reported by wait.
    container.kill(name).catch(() => {});
  });
  const detach = attach(container, request, run, size);
  const limit = limitTime(container, request, run);
  try {
    const status = await span('command', () => container.wait({ signal }));
    const timedOut = limit.ended();
    run.onEnded?.(status);
    interrupts.drain();
    await span('last-output', () => output);
    if (status.reason === 'oom' && !timedOut) run.onOutOfMemory();
    return timedOut ? exitCodes.timedOut : status.code;
  } finally {
    limit.close();
    detach();
  }
}

async function copyAll(container: Container, run: Run): Promise<void> {
  const { interrupts } = run;
  const trace = recording();
  const copy = (from: Readable, to: Writable, name: 'standard output' | 'standard error') => {
    if (trace !== undefined) from.once('data', () => trace.mark(`first byte of ${name}`));
    return copyOutput(from, to, {
      name,
      signal: interrupts.signal,
      onBroken: (error) => interrupts.end(error ?? brokenPipe),
    });
  };
  await Promise.all([
    copy(container.stdout, run.stdout, 'standard output'),
    copy(container.stderr, run.stderr, 'standard error'),
  ]);
}

/** Connects input and terminal. @returns disconnects them */
function attach(
  container: Container,
  request: RunRequest,
  run: Run,
  firstSize: TerminalSize,
): () => void {
  const { terminal } = run;
  const stops: (() => void)[] = [];
  if (request.tty) {
    const resize = (): void => {
      container.resize(terminal.size()).catch(() => {});
    };
    stops.push(terminal.onResize(resize));
    const { columns, rows } = terminal.size();
    if (columns !== firstSize.columns || rows !== firstSize.rows) resize();
    if (request.interactive) terminal.enterRawMode();
  }
  if (request.interactive) stops.push(attachInput(run.openStdin(), container.stdin));
  return () => {
    for (const stop of stops) stop();
    terminal.restore();
  };
}
