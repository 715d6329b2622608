// `virtc run --trace`: records a run from the beginning of this process, draws it on standard error and writes it to a file.
import { closeSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { errnoOf, reasonOf, VirtcontainersError } from '../../../base/errors.js';
import { type MeasuredSpan, monotonicMs } from '../../../base/trace/span.js';
import { createTrace, type Trace } from '../../../base/trace/trace.js';
import { badFlag } from '../flag-values.js';
import { describeError, exitCodes } from '../report.js';
import { drawWaterfall, type WaterfallStyle } from './waterfall.js';

const defaultFile = 'virtc-trace.json';
/** Where standard error is no terminal. */
const plainColumns = 100;

/**
 * Runs `work` traced and resolves with its exit code; never rejects.
 * @param value of the flag: a file, or true for the default one
 */
export async function traceRun(value: string | true, work: () => Promise<number>): Promise<number> {
  const debug = process.env['VIRTC_LOG'] === 'debug';
  const warn = (error: unknown): void => {
    process.stderr.write(describeError(error, { debug }));
  };
  let output: TraceOutput;
  try {
    output = openOutput(value);
  } catch (error) {
    warn(error);
    return exitCodes.virtcFailed;
  }
  const { originMs, before } = startOfProcess();
  const trace = createTrace({ originMs, before });
  const code = await trace.run(work);
  const totalMs = monotonicMs() - originMs;
  process.stderr.write(drawWaterfall(trace.spans, totalMs, styleOf(process.stderr, process.env)));
  try {
    output.write(trace);
    process.stderr.write(`trace written to ${output.file}; https://ui.perfetto.dev opens it\n`);
  } catch (error) {
    // What the command said of itself holds nevertheless.
    warn(cannotWrite(output.file, error));
  }
  return code;
}

interface TraceOutput {
  readonly file: string;
  write(trace: Trace): void;
}

/**
 * Before anything runs: a mistake shall not cost a run.
 * @throws VirtcontainersError `invalid-argument`; `unavailable` where the file cannot be written
 */
function openOutput(value: string | true): TraceOutput {
  const name = value === true ? defaultFile : value;
  // It may be the command's first word, which must neither be lost nor be overwritten.
  if (!name.endsWith('.json')) {
    const hint = `to run ${JSON.stringify(name)}, put -- before the command: --trace -- ${name}`;
    throw badFlag('--trace', name, "the file's name must end in .json", { hint });
  }
  const file = path.resolve(name);
  let descriptor: number;
  try {
    descriptor = openSync(file, 'w');
  } catch (error) {
    throw cannotWrite(file, error);
  }
  const write = (trace: Trace): void => {
    try {
      writeFileSync(descriptor, `${JSON.stringify(trace)}\n`);
    } finally {
      closeSync(descriptor);
    }
  };
  return { file, write };
}

function cannotWrite(file: string, cause: unknown): VirtcontainersError {
  const reason = errnoOf(cause) ?? reasonOf(cause);
  return new VirtcontainersError('unavailable', `cannot write trace ${file}: ${reason}`, { cause });
}

/** What Node knows of this process until now. */
function startOfProcess(): { readonly originMs: number; readonly before: readonly MeasuredSpan[] } {
  const nowMs = monotonicMs();
  const originMs = nowMs - performance.now();
  const nodeEndMs = originMs + performance.nodeTiming.bootstrapComplete;
  const own = { lane: 'host', parent: null } as const;
  return {
    originMs,
    before: [
      { ...own, name: 'start-node', beginMs: originMs, endMs: nodeEndMs },
      { ...own, name: 'load-virtc', beginMs: nodeEndMs, endMs: nowMs },
    ],
  };
}

/** Colours and blocks where there is a terminal that can show them. */
export function styleOf(
  stream: { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): WaterfallStyle {
  const isTerminal = stream.isTTY === true && environment['TERM'] !== 'dumb';
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return {
    columns: (isTerminal ? stream.columns : undefined) || plainColumns,
    unicode: isTerminal && /utf-?8/i.test(locale),
    colors: isTerminal && !environment['NO_COLOR'],
  };
}
