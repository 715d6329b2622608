// `virtc run` in this process: checks the request, makes the runtime and the streams, reports what fails.
import { VirtcontainersError } from '../../../base/errors.js';
import { silentLogger } from '../../../base/log.js';
import { getTerminalMode, setTerminalMode } from '../../../base/native/terminal.js';
import { recording, span } from '../../../base/trace/span.js';
import { createRuntime } from '../../../index.js';
import type { RuntimeOptions } from '../../../model/options.js';
import { parseContainerOptions } from '../../../model/parse/container-options.js';
import type { ProgressEvent, Timings } from '../../../model/progress.js';
import { logLevelFrom } from '../environment.js';
import { ProgressLine } from '../progress-line.js';
import { describeError, exitCodeFor } from '../report.js';
import { stderrLogger } from '../stderr-log.js';
import { dryRunFormat, planRun, toJson } from './dry-run.js';
import { readEnvFiles } from './env-file.js';
import { formatPlan } from './format-plan.js';
import { checkHostPaths } from './host-paths.js';
import { inFlags } from './in-flags.js';
import { runContainer } from './run-container.js';
import { type RunFlags, type RunRequest, toRunRequest } from './run-request.js';
import { Terminal } from './terminal.js';

/** Runs the command and resolves with the exit code of `virtc`; never rejects. */
export async function run(words: readonly string[], flags: RunFlags): Promise<number> {
  const debug = flags.debug === true;
  const terminal = new Terminal(process, { get: getTerminalMode, set: setTerminalMode });
  const progress = new ProgressLine(debug ? { write: () => true } : process.stderr, process.env);
  let isRunning = false;
  const report = (error: unknown): number => {
    progress.close();
    // Where the command's output shares the terminal with us, its last line may have no end.
    if (isRunning && flags.tty === true && process.stderr.isTTY) process.stderr.write('\n');
    process.stderr.write(describeError(error, { debug }));
    return exitCodeFor(error);
  };
  try {
    const endOptions = recording()?.open('options', 'host');
    const request = toRunRequest(words, flags, {
      cwd: process.cwd(),
      environment: process.env,
      fileEntries: await readEnvFiles(flags.envFile ?? []),
    });
    const format = dryRunFormat(flags);
    requireTerminal(request, terminal);
    // Before a VM is booted: a mistake shall not cost the time of a boot.
    await parseContainerOptions(request.container).catch((error: unknown) => {
      throw inFlags(error, flags);
    });
    await checkHostPaths(request.container);
    endOptions?.();
    const { accelerator } = request;
    const runtime = createRuntime({
      ...runtimeOptions(debug, progress),
      ...(accelerator === undefined ? {} : { accelerator }),
    });
    const plan = await span('plan', () => planRun(runtime, request, terminal));
    if (format !== null) {
      process.stdout.write(format === 'json' ? toJson(plan) : formatPlan(plan));
      return 0;
    }
    return await runContainer(request, {
      runtime,
      signals: process,
      terminal,
      openStdin: () => process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      onStarted: () => {
        isRunning = true;
        progress.close();
      },
      onTimedOut: () => {
        const limit = `the command has run for ${flags.timeout} (--timeout) and is ended`;
        process.stderr.write(describeError(limit, { debug: false }));
      },
      onTimings: (timings) => {
        if (debug) process.stderr.write(formatTimings(timings));
      },
    });
  } catch (error) {
    return report(error);
  } finally {
    progress.close();
  }
}

function runtimeOptions(debug: boolean, progress: ProgressLine): RuntimeOptions {
  const level = debug ? 'debug' : logLevelFrom(process.env);
  const logger =
    level === null ? silentLogger : stderrLogger(level, (line) => process.stderr.write(line));
  const onProgress = (event: ProgressEvent): void => {
    const verb = event.phase === 'begin' ? 'begins' : 'ends';
    logger.debug({ subsystem: 'run', pod: event.podId }, `${event.step} ${verb}`);
    showProgress(event, progress);
  };
  return { logger, onProgress };
}

const stepTexts: Readonly<Partial<Record<ProgressEvent['step'], string>>> = {
  'vm-spawn': 'starting the virtual machine',
  'vm-boot': 'booting the virtual machine',
  resize: 'growing the virtual machine',
  'container-create': 'creating the container',
  'container-start': 'starting the container',
};

function showProgress(event: ProgressEvent, progress: ProgressLine): void {
  const text = stepTexts[event.step];
  if (event.phase === 'begin' && text !== undefined) progress.show(`${text}…`);
}

/** docker's rule: keys can only be passed on to a terminal from a terminal. */
function requireTerminal(request: RunRequest, terminal: Terminal): void {
  if (!request.tty || !request.interactive || terminal.hasInput) return;
  throw new VirtcontainersError(
    'invalid-argument',
    'cannot attach terminal: the input device is not a TTY',
    { hint: 'leave -t out to pass bytes through, or -i out to pass no input' },
  );
}

function formatTimings(timings: Timings): string {
  const lines = timings.map(
    ({ step, durationMs }) => `timing ${step.padEnd(16)} ${durationMs.toFixed(1).padStart(9)} ms\n`,
  );
  const total = timings.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return `${lines.join('')}timing ${'total'.padEnd(16)} ${total.toFixed(1).padStart(9)} ms\n`;
}
