// Turns spans into the trace event format, which Perfetto, chrome://tracing and speedscope open.
import type { TraceArgs, TraceLane } from './span.js';

/** A span of a trace. */
export interface TraceSpan {
  readonly id: number;
  /** The span that it is a part of; null for none. */
  readonly parentId: number | null;
  readonly name: string;
  readonly lane: TraceLane;
  /** Milliseconds since the trace's beginning. */
  readonly beginMs: number;
  /** The same as `beginMs` for a moment. What still went on has the time at which it was looked at. */
  readonly endMs: number;
  /** Whether it ended by an error. */
  readonly failed: boolean;
  /** For example `pod`, `container`; of the guest's spans `clockErrorMs`, by how much its clock may be off. */
  readonly args: TraceArgs;
}

/** One entry of the trace event format; times in microseconds. */
export type TraceEvent =
  | {
      readonly ph: 'M';
      readonly name: 'process_name' | 'thread_name' | 'process_sort_index';
      readonly pid: number;
      readonly tid: number;
      readonly args: TraceArgs;
    }
  | {
      readonly ph: 'X';
      readonly name: string;
      readonly cat: TraceLane;
      readonly pid: number;
      readonly tid: number;
      readonly ts: number;
      readonly dur: number;
      readonly args: TraceArgs;
    }
  | {
      readonly ph: 'i';
      readonly s: 'p';
      readonly name: string;
      readonly cat: TraceLane;
      readonly pid: number;
      readonly tid: number;
      readonly ts: number;
      readonly args: TraceArgs;
    };

/** The trace event format's object form. */
export interface TraceFile {
  readonly displayTimeUnit: 'ms';
  readonly traceEvents: readonly TraceEvent[];
  readonly otherData: TraceArgs;
}

const lanes: readonly (readonly [TraceLane, string])[] = [
  ['host', 'host'],
  ['qemu', 'qemu'],
  ['guest-kernel', 'guest kernel'],
  ['guest-agent', 'guest agent'],
];

/** Each lane is a process of the file; its spans are in as many threads as they overlap without being parts of each other. */
export function toTraceFile(spans: readonly TraceSpan[], otherData: TraceArgs): TraceFile {
  const events: TraceEvent[] = [];
  lanes.forEach(([lane, title], index) => {
    const mine = spans.filter((span) => span.lane === lane);
    if (mine.length === 0) return;
    const pid = index + 1;
    const meta = { ph: 'M', pid, tid: 1 } as const;
    events.push({ ...meta, name: 'process_name', args: { name: title } });
    events.push({ ...meta, name: 'process_sort_index', args: { sort_index: index } });
    const tracks = toTracks(mine);
    tracks.forEach((track, position) => {
      const tid = position + 1;
      const name = position === 0 ? title : `${title} ${tid}`;
      events.push({ ...meta, tid, name: 'thread_name', args: { name } });
      for (const span of track) events.push(toEvent(span, { pid, tid }));
    });
  });
  return { displayTimeUnit: 'ms', traceEvents: events, otherData };
}

function toEvent(span: TraceSpan, place: { readonly pid: number; readonly tid: number }) {
  const { name, lane } = span;
  const args = span.failed ? { ...span.args, failed: 'yes' } : span.args;
  const ts = toMicroseconds(span.beginMs);
  const shared = { name, cat: lane, ...place, ts, args };
  if (isMoment(span)) return { ph: 'i', s: 'p', ...shared } as const;
  return { ph: 'X', ...shared, dur: toMicroseconds(span.endMs) - ts } as const;
}

function isMoment({ beginMs, endMs }: TraceSpan): boolean {
  return beginMs === endMs;
}

// Whole ones: what nests before it is rounded nests after it.
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000);
}

/** Viewers draw what overlaps in one thread as nested: only what is a part of a span may share its time there. */
function toTracks(spans: readonly TraceSpan[]): readonly (readonly TraceSpan[])[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const isPart = (span: TraceSpan, whole: TraceSpan): boolean => {
    for (let id = span.parentId; id !== null; id = byId.get(id)?.parentId ?? null) {
      if (id === whole.id) return span.endMs <= whole.endMs;
    }
    return false;
  };
  const tracks: { readonly spans: TraceSpan[]; readonly open: TraceSpan[] }[] = [
    { spans: spans.filter(isMoment), open: [] },
  ];
  const sorted = spans
    .filter((span) => !isMoment(span))
    .sort((a, b) => a.beginMs - b.beginMs || b.endMs - a.endMs || a.id - b.id);
  for (const span of sorted) {
    for (const { open } of tracks) {
      while ((open.at(-1)?.endMs ?? Number.POSITIVE_INFINITY) <= span.beginMs) open.pop();
    }
    const holdsParent = tracks.find(({ open }) => {
      const top = open.at(-1);
      return top !== undefined && isPart(span, top);
    });
    let track = holdsParent ?? tracks.find(({ open }) => open.length === 0);
    if (track === undefined) {
      track = { spans: [], open: [] };
      tracks.push(track);
    }
    track.spans.push(span);
    track.open.push(span);
  }
  return tracks.map((track) => track.spans);
}
