// `virtc logs`: what a container has printed, each stream to ours; or what its pod's console or shim has said.
import type { Writable } from 'node:stream';
import { errnoOf, isVirtcontainersError, VirtcontainersError } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import type { LogEntry, LogOptions } from '../../../model/logs.js';
import type { PodListEntry, Runtime } from '../../../model/pod.js';
import { badFlag, didYouMean } from '../flag-values.js';
import { exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';
import { findContainer, findPod } from './find.js';
import { toTime } from './log-times.js';

export interface LogsFlags extends CommonFlags {
  readonly follow?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly tail?: string;
  readonly timestamps?: boolean;
  readonly source?: string;
}

export interface LogsContext {
  readonly runtime: Pick<Runtime, 'listPods' | 'logs'>;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

const sources = ['stdout', 'stderr', 'console', 'shim'] as const;
type Source = (typeof sources)[number];

/** Resolves with the exit code. @throws VirtcontainersError where there is no such log */
export async function logs(
  name: string,
  flags: LogsFlags,
  { runtime, stdout, stderr }: LogsContext,
  nowMs = Date.now(),
): Promise<number> {
  const options = toLogOptions(flags, nowMs);
  const chosen = toSources(flags.source);
  const { podId, containerId } = whose(await runtime.listPods(), name, chosen);
  const print = printer(flags.timestamps === true);
  try {
    const source = sourceOptions(chosen, containerId);
    for await (const entry of runtime.logs(podId, { ...options, ...source })) {
      const text = print(entry);
      const isError = entry.stream === 'stderr' || entry.stream === 'note';
      await write(isError ? stderr : stdout, text);
    }
    return 0;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EPIPE' || errno === 'ECONNRESET') return exitCodes.signalBase + 13;
    throw explained(error);
  }
}

function toLogOptions(flags: LogsFlags, nowMs: number): LogOptions {
  const { since, until, follow } = flags;
  const tail = toTail(flags.tail);
  return {
    ...(since === undefined ? {} : { since: toTime('--since', since, nowMs) }),
    ...(until === undefined ? {} : { until: toTime('--until', until, nowMs) }),
    ...(tail === null ? {} : { tail }),
    ...(follow === true ? { follow } : {}),
  };
}

/** docker's `all` and its negative numbers are all lines. */
function toTail(text: string | undefined): number | null {
  if (text === undefined || text === 'all' || /^-\d+$/.test(text)) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badFlag('--tail', text, 'it must be a number of lines, or all');
}

/** Null: both streams of the container. */
function toSources(text: string | undefined): readonly Source[] | null {
  if (text === undefined) return null;
  const chosen = text.split(',').map((word) => {
    const source = sources.find((candidate) => candidate === word);
    if (source !== undefined) return source;
    throw badFlag('--source', text, `it must be of ${sources.join(', ')}`, {
      ...didYouMean(word, sources),
    });
  });
  const ofPod = chosen.some((source) => source === 'console' || source === 'shim');
  if (ofPod && chosen.length > 1) {
    throw badFlag('--source', text, 'console and shim are logs of their own, each alone');
  }
  return chosen;
}

interface Whose {
  readonly podId: string;
  /** Null where the pod's own is asked for. */
  readonly containerId: string | null;
}

/** The pod's own logs can be asked for by the names of both. */
function whose(
  pods: readonly PodListEntry[],
  name: string,
  chosen: readonly Source[] | null,
): Whose {
  const isOfPod = chosen?.some((source) => source === 'console' || source === 'shim') === true;
  const podId = pods.find(({ id }) => id === name)?.id;
  if (isOfPod && podId !== undefined) return { podId, containerId: null };
  try {
    const { container, pod } = findContainer(pods, name, 'show the log of');
    return { podId: pod.id, containerId: isOfPod ? null : container.id };
  } catch (error) {
    if (!isOfPod) throw error;
    return { podId: findPod(pods, name, 'show the log of').id, containerId: null };
  }
}

function sourceOptions(chosen: readonly Source[] | null, containerId: string | null): LogOptions {
  if (containerId === null) return { source: chosen?.includes('shim') ? 'shim' : 'console' };
  const streams = (['stdout', 'stderr'] as const).filter((stream) => chosen?.includes(stream));
  return { containerId, ...(streams.length === 0 ? {} : { streams }) };
}

/** An entry as bytes to show, its time before each line where that is asked for. */
function printer(timestamps: boolean): (entry: LogEntry) => Uint8Array {
  // Streams whose last line has not ended: what comes next belongs to it.
  const open = new Set<LogEntry['stream']>();
  return ({ time, stream, data }) => {
    const stamp = timestamps ? `${time} ` : '';
    if (stream === 'note') {
      const text = printable(Buffer.from(data).toString(), 4096);
      return Buffer.from(`${stamp}virtc: ${text}\n`);
    }
    const begins = !open.has(stream);
    if (data.at(-1) === 0x0a) open.delete(stream);
    else open.add(stream);
    return begins && stamp !== '' ? Buffer.concat([Buffer.from(stamp), data]) : data;
  };
}

/** Resolves when it is out of our hands, so that a slow reader holds the log back. */
function write(stream: Writable, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/** A container without a log belongs to a program that takes its output itself. */
function explained(error: unknown): unknown {
  if (!isVirtcontainersError(error) || error.code !== 'not-found' || error.hint !== undefined) {
    return error;
  }
  return new VirtcontainersError(error.code, error.message, {
    cause: error,
    hint: 'only containers of virtc run -d, virtc create and virtc pod create are logged: others print where their program runs',
    details: error.details,
  });
}
