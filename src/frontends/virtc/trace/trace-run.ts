// `virtc run --trace`: records a run from the beginning of this process, draws it on standard error and writes it to a file.
import { performance } from 'node:perf_hooks';
import { type MeasuredSpan, monotonicMs } from '../../../base/trace/span.js';
import { createTrace } from '../../../base/trace/trace.js';
import type { Color } from '../../../config.js';
import { describeError } from '../report.js';
import { openTraceOutput } from './trace-output.js';
import { drawWaterfall, type WaterfallStyle } from './waterfall.js';

/** What surrounds a traced run; tests give fakes. */
export interface TraceSurroundings {
  readonly stderr: {
    readonly isTTY?: boolean | undefined;
    readonly columns?: number | undefined;
    write(text: string): unknown;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  cwd(): string;
  /** Default `auto`: where there is a terminal and no NO_COLOR. */
  readonly color?: Color;
}

/** Where standard error is no terminal. */
const plainColumns = 100;

/**
 * Runs `work` traced and resolves with its exit code; rejects as `work` does, which then is not traced.
 * @param value of the flag: a file, or true for the default one
 * @throws VirtcontainersError before `work` is begun, for a file that cannot be written
 */
export async function traceRun(
  value: string | true,
  work: () => Promise<number>,
  surroundings: TraceSurroundings = process,
): Promise<number> {
  const { stderr, env } = surroundings;
  const complain = (error: unknown): void => {
    stderr.write(describeError(error, { debug: env['VIRTC_LOG'] === 'debug' }));
  };
  const output = openTraceOutput(value, surroundings.cwd());
  const { originMs, before } = startOfProcess();
  const trace = createTrace({ originMs, before });
  let code: number;
  try {
    code = await trace.run(work);
  } catch (error) {
    output.drop();
    throw error;
  }
  const totalMs = monotonicMs() - originMs;
  stderr.write(drawWaterfall(trace.spans, totalMs, styleFor(stderr, env, surroundings.color)));
  try {
    output.write(`${JSON.stringify(trace)}\n`);
    stderr.write(`trace written to ${output.file}; https://ui.perfetto.dev opens it\n`);
  } catch (error) {
    // How the command ended holds nevertheless.
    complain(error);
  }
  return code;
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
export function styleFor(
  stderr: TraceSurroundings['stderr'],
  env: TraceSurroundings['env'],
  color: Color = env['NO_COLOR'] ? 'never' : 'auto',
): WaterfallStyle {
  const isTerminal = stderr.isTTY === true && env['TERM'] !== 'dumb';
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return {
    columns: (isTerminal && stderr.columns) || plainColumns,
    unicode: isTerminal && /utf-?8/i.test(locale),
    colors: color === 'always' || (color === 'auto' && isTerminal),
  };
}
