// Says where time goes, to whoever records it: spans around work, which cost next to nothing where nobody does.

/** Whose time it is. */
export type TraceLane = 'host' | 'qemu' | 'guest-kernel' | 'guest-agent';

/** What is known of a span beside its name and its time. */
export type TraceArgs = Readonly<Record<string, string | number>>;

/** A span that was measured elsewhere, on this machine's monotonic clock. */
export interface MeasuredSpan {
  readonly name: string;
  readonly lane: TraceLane;
  readonly beginMs: number;
  readonly endMs: number;
  /** Index of the span around it, which comes before it in the same list; null for none. */
  readonly parent: number | null;
  readonly failed?: boolean;
  readonly args?: TraceArgs;
}

/** The recording that the calling code belongs to. */
export interface Recording {
  /** Carries out work as a span inside the caller's own; `work` may be asynchronous. */
  span<T>(name: string, work: () => T, args?: TraceArgs): T;
  /** Begins a span of another lane. @returns ends it; safe to repeat */
  open(name: string, lane: TraceLane): () => void;
  /** Notes a moment. */
  mark(name: string): void;
  /** Adds what others measured; spans of the lane `host` without a parent lie inside the caller's own. */
  adopt(spans: readonly MeasuredSpan[]): void;
}

let find: () => Recording | undefined = () => undefined;

/** The caller's recording; undefined where nothing is recorded. */
export function recording(): Recording | undefined {
  return find();
}

/** Carries out work, as a span where somebody records. Nothing is changed of what it returns or throws. */
export function span<T>(name: string, work: () => T, args?: TraceArgs): T {
  const current = find();
  return current === undefined ? work() : current.span(name, work, args);
}

/** For the recorder, which is loaded only where something is to be recorded. */
export function findRecordingBy(finder: () => Recording | undefined): void {
  find = finder;
}

/** This machine's monotonic clock in milliseconds: the same one in all threads and processes. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
