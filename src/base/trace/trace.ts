// A trace: everything that was recorded of some work, and the file for viewers.
import { version } from '../version.js';
import { Recorder } from './recorder.js';
import { type MeasuredSpan, monotonicMs } from './span.js';
import { type TraceFile, type TraceSpan, toTraceFile } from './trace-file.js';

/** Most spans of one trace; what comes later is only counted. A start has about a hundred. */
const maxSpans = 10_000;

/** Records where the time goes in what runs inside `run`, on the host and in the guests. */
export interface Trace {
  /** Carries out work and records it; may be called again. What it returns or throws is unchanged. */
  run<T>(work: () => T): T;
  /** What has been recorded so far, in the order in which it began. */
  readonly spans: readonly TraceSpan[];
  /** The trace event format (Perfetto, chrome://tracing, speedscope): `JSON.stringify(trace)` is the file. */
  toJSON(): TraceFile;
}

/** What a trace holds already. */
export interface TraceParts {
  /** Where the trace's time begins, on the monotonic clock. Default: now. */
  readonly originMs?: number;
  /** What was measured before, on the monotonic clock. */
  readonly before?: readonly MeasuredSpan[];
}

/** Makes an empty trace. Recording slows what is recorded by some milliseconds: the guests are asked for their part. */
export function createTrace({ originMs = monotonicMs(), before = [] }: TraceParts = {}): Trace {
  const recorder = new Recorder(maxSpans);
  for (const { parent: _, ...span } of before) recorder.begin({ ...span, parentId: null });
  const spans = (): readonly TraceSpan[] => {
    const now = monotonicMs();
    return recorder.spans.map(({ beginMs, endMs, ...span }) => ({
      ...span,
      beginMs: beginMs - originMs,
      endMs: (endMs ?? now) - originMs,
    }));
  };
  return {
    run: (work) => recorder.run(work),
    get spans() {
      return spans();
    },
    toJSON: () => {
      const { dropped } = recorder;
      const otherData = { version, ...(dropped === 0 ? {} : { droppedSpans: dropped }) };
      return toTraceFile(spans(), otherData);
    },
  };
}
