// Reads the logs of pods, whoever writes them.
import type { LogEntry } from '../../model/logs.js';

/** Which log of a pod. */
export type LogSource = { readonly container: string } | 'console' | 'shim';

/** Which part of it. */
export interface LogQuery {
  /** Null is all streams; notes on what is missing come in any case. */
  readonly streams: readonly string[] | null;
  /** From this time on, before that one, in milliseconds since 1970. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** The last lines, so many; null is all. */
  readonly tail: number | null;
  /** Where what comes is wanted too: asked now and then whether anything still can. */
  readonly isOver: (() => Promise<boolean>) | null;
  readonly signal: AbortSignal | undefined;
}

export interface Logs {
  /** @throws VirtcontainersError `not-found` where there is no such log; AbortError */
  read(podId: string, source: LogSource, query: LogQuery): AsyncIterableIterator<LogEntry>;
}
