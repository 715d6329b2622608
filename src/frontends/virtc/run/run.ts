// `virtc run` in this process: checks the request, makes the runtime and the streams, reports what fails.
import { prepareJail } from '../../../base/namespaces/jail.js';
import { getTerminalMode, setTerminalMode } from '../../../base/native/terminal.js';
import { recording, span } from '../../../base/trace/span.js';
import { createRuntime } from '../../../index.js';
import { parseContainerOptions } from '../../../model/parse/container-options.js';
import type { Runtime } from '../../../model/pod.js';
import { isJson } from '../flag-values.js';
import { paintFor } from '../paint.js';
import { requireTerminal } from '../session/context.js';
import { type CommonFlags, loadSettings, runtimeOptionsOf } from '../settings.js';
import { makeDetached } from './detached.js';
import { dryRunFormat, planRun, toJson } from './dry-run.js';
import { readEnvFiles } from './env-file.js';
import { formatPlan } from './format-plan.js';
import { checkHostPaths } from './host-paths.js';
import { inFlags } from './in-flags.js';
import { JsonReport } from './json-report.js';
import { runContainer } from './run-container.js';
import { type RunReport, TextReport } from './run-report.js';
import { type RunFlags, type RunRequest, toRunRequest } from './run-request.js';
import { Terminal } from './terminal.js';

type Flags = RunFlags & CommonFlags;

/**
 * Runs the command and resolves with the exit code of `virtc`.
 * @throws VirtcontainersError for what is wrong with the flags, before anything is run
 */
export async function run(words: readonly string[], flags: Flags): Promise<number> {
  const isDetached = flags.detach === true;
  const prepared = await prepare(words, flags, { isDetached });
  const { request, terminal, report, runtime } = prepared;
  if (request.inPod === null) {
    const plan = await span('plan', () => planRun(runtime, request, terminal));
    const format = dryRunFormat(flags);
    if (format !== null) {
      process.stdout.write(format === 'json' ? toJson(plan) : formatPlan(plan));
      return 0;
    }
  }
  if (isDetached) return await make(prepared, { starts: true });
  try {
    const code = await runContainer(request, {
      runtime,
      signals: process,
      terminal,
      openStdin: () => process.stdin,
      stdout: process.stdout,
      stderr: report.stderr,
      onStarted: () => report.started(),
      onTimedOut: () => report.timedOut(flags.timeout ?? ''),
      onEnded: (status) => report.ended(status),
      onOutOfMemory: () => report.outOfMemory(),
      onTimings: (timings) => report.timings(timings),
    });
    report.finished(code);
    return code;
  } catch (error) {
    return report.failed(error);
  }
}

/** Makes a container that does not run yet, prints its name and resolves with the exit code. @throws as `run` */
export async function create(words: readonly string[], flags: Flags): Promise<number> {
  const prepared = await prepare(words, flags, { isDetached: true });
  const { request, terminal, runtime } = prepared;
  if (request.inPod === null) await planRun(runtime, request, terminal);
  return await make(prepared, { starts: false });
}

interface Prepared {
  readonly request: RunRequest;
  readonly terminal: Terminal;
  readonly report: RunReport;
  readonly runtime: Runtime;
}

/** Checks what can be checked without looking at the host, and makes what every run needs. */
async function prepare(
  words: readonly string[],
  flags: Flags,
  { isDetached }: { readonly isDetached: boolean },
): Promise<Prepared> {
  const terminal = new Terminal(process, { get: getTerminalMode, set: setTerminalMode });
  const endOptions = recording()?.open('options', 'host');
  const request = toRunRequest(words, flags, {
    cwd: process.cwd(),
    environment: process.env,
    fileEntries: await readEnvFiles(flags.envFile ?? []),
  });
  if (!isDetached) requireTerminal(request, terminal);
  const ownsVm = !isDetached && request.inPod === null;
  // Beside the loading and checking that follows, on another processor.
  if (ownsVm && dryRunFormat(flags) === null) void prepareJail();
  const report = await makeReport(request, flags);
  // Before a VM is booted: a mistake shall not cost the time of a boot.
  await parseContainerOptions(request.container).catch((error: unknown) => {
    throw inFlags(error, flags);
  });
  await checkHostPaths(request.container);
  endOptions?.();
  return { request, terminal, report, runtime: makeRuntime(request, flags, report) };
}
/** Makes a container that outlives us and prints its name. */
async function make(
  { request, terminal, report, runtime }: Prepared,
  how: { readonly starts: boolean },
): Promise<number> {
  try {
    const made = await makeDetached(request, how, { runtime, signals: process, terminal });
    const code = typeof made === 'number' ? made : 0;
    if (typeof made === 'string') {
      report.started();
      process.stdout.write(`${made}\n`);
    }
    report.finished(code);
    return code;
  } catch (error) {
    return report.failed(error);
  }
}

function makeRuntime(request: RunRequest, flags: CommonFlags, report: RunReport): Runtime {
  return createRuntime({
    ...runtimeOptionsOf(flags),
    ...(request.accelerator === undefined ? {} : { accelerator: request.accelerator }),
    ...(flags.template === undefined ? {} : { template: flags.template }),
    logger: report.logger,
    onProgress: (event) => {
      const verb = event.phase === 'begin' ? 'begins' : 'ends';
      report.logger.debug({ subsystem: 'run', pod: event.podId }, `${event.step} ${verb}`);
      report.progress(event);
    },
    onWarning: (warning) => report.warned(warning),
  });
}

async function makeReport(request: RunRequest, flags: RunFlags & CommonFlags): Promise<RunReport> {
  const json = isJson(flags.format);
  const settings = await loadSettings(flags, process.env);
  const { stderr } = process;
  if (json) return new JsonReport({ id: request.pod.id ?? '', stderr, settings });
  return new TextReport({
    stderr,
    environment: process.env,
    settings,
    paint: paintFor(settings.color, stderr, process.env),
    debug: flags.debug === true,
    sharesTerminal: flags.tty === true && stderr.isTTY === true,
  });
}
