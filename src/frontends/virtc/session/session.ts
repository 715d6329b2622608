// Wires our streams, terminal and signals to a process that runs in a container, until it has ended or we have left it.
import type { Readable, Writable } from 'node:stream';
import type { ExitStatus } from '../../../model/exit-status.js';
import type { Process } from '../../../model/pod.js';
import { exitCodes } from '../report.js';
import type { Interrupts, SignalSource } from '../run/interrupts.js';
import { copyOutput } from '../run/streams.js';
import type { Terminal } from '../run/terminal.js';
import { DetachFilter } from './detach-keys.js';

/** What surrounds a session; tests give fakes. */
export interface SessionContext {
  readonly signals: SignalSource;
  readonly terminal: Terminal;
  /** Opened only if the process gets our input. */
  readonly openStdin: () => Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export interface SessionOptions {
  readonly process: Pick<Process, 'stdin' | 'stdout' | 'stderr' | 'wait' | 'kill' | 'resize'>;
  /** Whether it gets our input. */
  readonly interactive: boolean;
  readonly tty: boolean;
  /** Bytes that leave it, of one that has a terminal and our input. */
  readonly detachKeys: Uint8Array;
  /** Whether signals to us are for it; else they end us alone. */
  readonly forwardsSignals: boolean;
  readonly interrupts: Interrupts;
}

// What a shell says of a program that SIGPIPE ended.
const brokenPipe = exitCodes.signalBase + 13;

/**
 * Resolves with how the process has ended, when its output is out of our hands, or with null: it was left with the detach keys and
 * goes on. Rejects where `interrupts` ends everything.
 */
export async function runSession(
  options: SessionOptions,
  context: SessionContext,
): Promise<ExitStatus | null> {
  const { process, interrupts, forwardsSignals } = options;
  const { signal } = interrupts;
  const copy = (from: Readable, to: Writable, name: 'standard output' | 'standard error') =>
    copyOutput(from, to, {
      name,
      signal,
      onBroken: (error) => interrupts.end(error ?? brokenPipe),
    });
  const output = Promise.all([
    copy(process.stdout, context.stdout, 'standard output'),
    copy(process.stderr, context.stderr, 'standard error'),
  ]);
  output.catch(() => {});
  // What has ended already needs no signal, and a dead VM is reported by wait.
  if (forwardsSignals) interrupts.forwardTo((name) => void process.kill(name).catch(() => {}));
  let leave: () => void = () => {};
  const left = new Promise<null>((resolve) => {
    leave = () => resolve(null);
  });
  const letGo = connect(options, context, leave);
  try {
    const waiting = process.wait({ signal });
    waiting.catch(() => {});
    const status = await Promise.race([waiting, left]);
    if (status === null) return null;
    interrupts.drain();
    await output;
    return status;
  } finally {
    letGo();
  }
}

/** Connects input and terminal. @returns disconnects them */
function connect(
  { process, interactive, tty, detachKeys }: SessionOptions,
  { terminal, openStdin }: SessionContext,
  onDetach: () => void,
): () => void {
  const stops: (() => void)[] = [];
  if (tty) {
    const resize = (): void => void process.resize(terminal.size()).catch(() => {});
    stops.push(terminal.onResize(resize));
    resize();
    terminal.enterRawMode();
  }
  if (interactive) {
    const source = openStdin();
    const filter = new DetachFilter(tty ? detachKeys : new Uint8Array());
    // A terminal that hung up, a directory: whatever cannot be read has ended.
    source.on('error', () => filter.end());
    // The process has closed its input or is gone.
    process.stdin.on('error', () => source.destroy());
    filter.once('detach', () => {
      filter.unpipe(process.stdin);
      onDetach();
    });
    source.pipe(filter).pipe(process.stdin);
    stops.push(() => {
      source.unpipe(filter);
      filter.unpipe(process.stdin);
      source.destroy();
    });
  }
  return () => {
    for (const stop of stops) stop();
    terminal.restore();
  };
}
