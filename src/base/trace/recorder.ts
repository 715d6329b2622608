// Records spans: which work was inside which follows the asynchronous calls, so that no code hands a tracer on.
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  findRecordingBy,
  type MeasuredSpan,
  monotonicMs,
  type Recording,
  type TraceArgs,
  type TraceLane,
} from './span.js';

/** A span as it was recorded; times on the monotonic clock. */
export interface RecordedSpan {
  /** Counted from 1 in the order in which they began. */
  readonly id: number;
  readonly parentId: number | null;
  readonly name: string;
  readonly lane: TraceLane;
  readonly beginMs: number;
  /** Null while it goes on; the same as `beginMs` for a moment. */
  readonly endMs: number | null;
  readonly failed: boolean;
  readonly args: TraceArgs;
}

type Open = { -readonly [K in keyof RecordedSpan]: RecordedSpan[K] };
type Beginning = Pick<RecordedSpan, 'parentId' | 'name' | 'lane'> &
  Partial<Pick<RecordedSpan, 'beginMs' | 'endMs' | 'failed' | 'args'>>;

const storage = new AsyncLocalStorage<Scope>();

export class Recorder {
  readonly #limit: number;
  readonly #spans: Open[] = [];
  #dropped = 0;

  /** @param limit most spans that are kept: the first ones */
  constructor(limit: number) {
    this.#limit = limit;
    findRecordingBy(() => storage.getStore());
  }

  get spans(): readonly RecordedSpan[] {
    return this.#spans;
  }

  /** How many spans there was no room for. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Carries out work of which everything is recorded, also what it leaves going on. */
  run<T>(work: () => T): T {
    return storage.run(new Scope(this, null), work);
  }

  /** @returns null where there is no room */
  begin(span: Beginning): Open | null {
    if (this.#spans.length >= this.#limit) {
      this.#dropped += 1;
      return null;
    }
    const id = this.#spans.length + 1;
    const open = { beginMs: monotonicMs(), endMs: null, failed: false, args: {}, ...span, id };
    this.#spans.push(open);
    return open;
  }
}

class Scope implements Recording {
  readonly #recorder: Recorder;
  readonly #id: number | null;

  constructor(recorder: Recorder, id: number | null) {
    this.#recorder = recorder;
    this.#id = id;
  }

  span<T>(name: string, work: () => T, args: TraceArgs = {}): T {
    const open = this.#recorder.begin({ parentId: this.#id, name, lane: 'host', args });
    if (open === null) return work();
    return storage.run(new Scope(this.#recorder, open.id), () => measured(open, work));
  }

  open(name: string, lane: TraceLane): () => void {
    const open = this.#recorder.begin({ parentId: null, name, lane });
    return () => {
      if (open !== null) open.endMs ??= monotonicMs();
    };
  }

  mark(name: string): void {
    const now = monotonicMs();
    this.#recorder.begin({ parentId: null, name, lane: 'host', beginMs: now, endMs: now });
  }

  adopt(spans: readonly MeasuredSpan[]): void {
    const ids: (number | null)[] = [];
    for (const { parent, ...span } of spans) {
      const around = span.lane === 'host' ? this.#id : null;
      const parentId = parent === null ? around : (ids[parent] ?? around);
      ids.push(this.#recorder.begin({ ...span, parentId })?.id ?? null);
    }
  }
}

/** What has ended of it, for a recording elsewhere. */
export function toMeasured(spans: readonly RecordedSpan[]): readonly MeasuredSpan[] {
  const places = new Map<number, number>();
  return spans.flatMap(({ id, parentId, endMs, ...span }) => {
    if (endMs === null) return [];
    places.set(id, places.size);
    const parent = parentId === null ? null : (places.get(parentId) ?? null);
    return [{ ...span, endMs, parent }];
  });
}

function measured<T>(open: Open, work: () => T): T {
  const end = (failed: boolean): void => {
    open.endMs = monotonicMs();
    open.failed = failed;
  };
  let result: T;
  try {
    result = work();
  } catch (error) {
    end(true);
    throw error;
  }
  if (!(result instanceof Promise)) {
    end(false);
    return result;
  }
  return result.then(
    (value: unknown) => {
      end(false);
      return value;
    },
    (error: unknown) => {
      end(true);
      throw error;
    },
  ) as T;
}
