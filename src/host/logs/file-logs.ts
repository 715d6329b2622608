// The logs of pods as files: what was asked for is picked out of them, and followed.
import { sleep } from '../../base/deadline.js';
import { throwIfAborted, VirtcontainersError } from '../../base/errors.js';
import type { LogEntry } from '../../model/logs.js';
import { LogReader } from './log-reader.js';
import type { LogRecord } from './log-record.js';
import type { LogQuery, LogSource, Logs } from './logs.js';
import { containerLogName, podLogDirectory } from './pod-log-directory.js';

/** How soon what was written is seen, in milliseconds. */
const pollMs = 100;
/** How long what was printed last may take to be written, in milliseconds: a line without an end waits 250. */
const lastWordsMs = 500;

export class FileLogs implements Logs {
  readonly #root: string;

  /** @param root directory that holds a folder for each pod */
  constructor({ root }: { readonly root: string }) {
    this.#root = root;
  }

  async *read(
    podId: string,
    source: LogSource,
    query: LogQuery,
  ): AsyncGenerator<LogEntry, undefined, undefined> {
    const what = `cannot read ${nameOf(source)} of pod ${podId}`;
    const { signal, isOver } = query;
    throwIfAborted(signal, what);
    const name = typeof source === 'string' ? source : containerLogName(source.container);
    const reader = await LogReader.open(podLogDirectory(this.#root, podId), name);
    if (reader === null) throw noLog(what, source);
    try {
      yield* tail(picked(what, reader, query), query.tail);
      while (isOver !== null) {
        const last = await isOver();
        await sleep(last ? lastWordsMs : pollMs, signal, what);
        yield* picked(what, reader, query);
        if (last) break;
      }
    } finally {
      await reader.close();
    }
    return undefined;
  }
}

async function* picked(
  what: string,
  reader: LogReader,
  { streams, sinceMs, untilMs, signal }: LogQuery,
): AsyncGenerator<LogEntry, void, undefined> {
  for await (const record of reader.more()) {
    throwIfAborted(signal, what);
    const ms = record.time.getTime();
    if (ms < sinceMs || ms >= untilMs) continue;
    const isWanted =
      streams === null || record.stream === 'note' || streams.includes(record.stream);
    if (isWanted) yield toEntry(record);
  }
}

/** The last lines of what is there: an entry that does not end one belongs to the line of the next. */
async function* tail(
  entries: AsyncIterable<LogEntry>,
  count: number | null,
): AsyncGenerator<LogEntry, void, undefined> {
  if (count === null) {
    yield* entries;
    return;
  }
  let kept: LogEntry[] = [];
  let lines = 0;
  for await (const entry of entries) {
    kept.push(entry);
    if (!endsLine(entry)) continue;
    lines += 1;
    // Now and then, so that a long log costs no more than its end.
    if (lines > 2 * count + 1000) {
      kept = lastLines(kept, count);
      lines = count;
    }
  }
  yield* lastLines(kept, count);
}

function lastLines(entries: readonly LogEntry[], count: number): LogEntry[] {
  let lines = 0;
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    const entry = entries[index];
    const isBeginning = entry !== undefined && (endsLine(entry) || index === entries.length - 1);
    if (isBeginning) lines += 1;
    if (lines > count) return entries.slice(index + 1);
  }
  return [...entries];
}

function endsLine({ data, stream }: LogEntry): boolean {
  return stream === 'note' || data.at(-1) === 0x0a;
}

function toEntry({ time, stream, offset, bytes }: LogRecord): LogEntry {
  return {
    time: time.toISOString(),
    stream: isStream(stream) ? stream : 'note',
    offset,
    data: bytes,
  };
}

const streams = ['stdout', 'stderr', 'console', 'shim', 'note'] as const;

function isStream(name: string): name is LogEntry['stream'] {
  return (streams as readonly string[]).includes(name);
}

function nameOf(source: LogSource): string {
  return typeof source === 'string'
    ? `the ${source} log`
    : `the log of container ${source.container}`;
}

function noLog(what: string, source: LogSource): VirtcontainersError {
  const hint =
    source === 'console'
      ? 'a console is logged from the first boot on, and its log goes with the pod'
      : 'only detached pods are logged: the program that owns another pod reads its output itself';
  return new VirtcontainersError('not-found', `${what}: there is none`, { hint });
}
