// `virtc events`: what happens to pods and containers, whoever owns them, as it happens.
import { sleep } from '../../../base/deadline.js';
import { isVirtcontainersError } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import type { PodEvent } from '../../../model/events.js';
import type { PodStatus, Runtime } from '../../../model/pod.js';
import { badFlag, didYouMean } from '../flag-values.js';
import { type Fields, parseTemplate } from '../listing/go-template.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { readable } from './find.js';
import { toTime } from './log-times.js';

export interface EventsFlags extends CommonFlags {
  readonly until?: string;
  readonly filter?: readonly string[];
}

export interface EventsContext extends VerbContext {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Between two looks for new pods, in milliseconds. */
  readonly intervalMs?: number;
}

/** docker's words for what happens. */
const actions: Readonly<Record<Exclude<PodEvent['kind'], 'missed'>, string>> = {
  'pod-ready': 'ready',
  'pod-started': 'start',
  'pod-paused': 'pause',
  'pod-resumed': 'unpause',
  'pod-stopped': 'stop',
  'pod-deleted': 'destroy',
  'container-created': 'create',
  'container-started': 'start',
  'container-paused': 'pause',
  'container-resumed': 'unpause',
  'container-oom': 'oom',
  'container-exited': 'die',
  'container-deleted': 'destroy',
  'exec-started': 'exec_start',
  'exec-exited': 'exec_die',
};
const filterNames = ['type', 'event', 'container', 'pod'];

/** Something that has happened, in docker's words. */
interface Told {
  readonly time: string;
  readonly type: 'container' | 'pod';
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Tells what happens until the signal fires or the time of `--until` has come; resolves with the exit code. */
export async function events(
  flags: EventsFlags,
  context: EventsContext,
  nowMs = Date.now(),
): Promise<number> {
  const { runtime, streams, intervalMs = 500 } = context;
  const keeps = parseFilters(flags.filter ?? []);
  const toLine = linePrinter(flags.format);
  const untilMs =
    flags.until === undefined ? null : toTime('--until', flags.until, nowMs).getTime() - nowMs;
  const end = new AbortController();
  const signal = AbortSignal.any([context.signal, end.signal]);
  const timer = untilMs === null ? undefined : setTimeout(() => end.abort(), Math.max(0, untilMs));
  const tell = (told: Told): void => {
    if (keeps(told)) streams.stdout.write(`${toLine(told)}\n`);
  };
  const watched = new Map<string, Promise<void>>();
  let isFirst = true;
  try {
    while (!signal.aborted) {
      for (const pod of readable(await runtime.listPods())) {
        const key = `${pod.id} ${pod.createdAt}`;
        if (!pod.ownerAlive || watched.has(key)) continue;
        // It has begun between two looks: what its owner told nobody is in its record.
        if (!isFirst) for (const told of missedOf(pod)) tell(told);
        const watching = watch(runtime, pod.id, { signal, tell });
        watched.set(key, watching);
        void watching.finally(() => watched.delete(key));
      }
      isFirst = false;
      await sleep(intervalMs, signal).catch(() => {});
    }
    await Promise.all(watched.values());
    return 0;
  } finally {
    clearTimeout(timer);
  }
}

async function watch(
  runtime: Pick<Runtime, 'openPod'>,
  podId: string,
  { signal, tell }: { readonly signal: AbortSignal; readonly tell: (told: Told) => void },
): Promise<void> {
  try {
    const pod = await runtime.openPod(podId, { signal });
    for await (const event of pod.events({ signal })) tell(toTold(event, podId));
  } catch (error) {
    // Its owner has ended, or nobody wants to know any more: the next look tells.
    if (!isVirtcontainersError(error)) throw error;
  }
}

/** What a new pod's record says of how it has begun. */
function missedOf(pod: PodStatus): readonly Told[] {
  const of = (type: Told['type'], action: string, id: string, time: string | null) =>
    time === null ? [] : [{ time, type, action, id, attributes: { name: id, pod: pod.id } }];
  return [
    ...of('pod', 'create', pod.id, pod.createdAt),
    ...pod.containers.flatMap(({ id, createdAt, startedAt }) => [
      ...of('container', 'create', id, createdAt),
      ...of('container', 'start', id, startedAt),
    ]),
  ];
}

function toTold(event: PodEvent, podId: string): Told {
  if (event.kind === 'missed') {
    const attributes = { count: String(event.count), name: podId, pod: podId };
    return { time: event.time, type: 'pod', action: 'missed', id: podId, attributes };
  }
  const { kind, time } = event;
  const isPod = !('containerId' in event);
  const id = isPod ? event.podId : event.containerId;
  const attributes = {
    ...('exit' in event && event.exit !== null ? { exitCode: String(event.exit.code) } : {}),
    ...('processId' in event ? { execID: event.processId } : {}),
    ...('why' in event ? { why: event.why } : {}),
    name: id,
    pod: event.podId,
  };
  return { time, type: isPod ? 'pod' : 'container', action: actions[kind], id, attributes };
}

function parseFilters(texts: readonly string[]): (told: Told) => boolean {
  const wanted = new Map<string, string[]>();
  for (const text of texts) {
    const [name = '', ...rest] = text.split('=');
    if (rest.length === 0 || !filterNames.includes(name)) {
      throw badFlag('--filter', text, `it must be NAME=VALUE with ${filterNames.join(', ')}`, {
        ...didYouMean(name, filterNames),
      });
    }
    wanted.set(name, [...(wanted.get(name) ?? []), rest.join('=')]);
  }
  const fields: Readonly<Record<string, (told: Told) => string | undefined>> = {
    type: ({ type }) => type,
    event: ({ action }) => action,
    container: ({ type, id }) => (type === 'container' ? id : undefined),
    pod: ({ attributes }) => attributes['pod'],
  };
  return (told) =>
    [...wanted].every(([name, values]) => values.includes(fields[name]?.(told) ?? ''));
}

/** docker's line, JSON objects a line, or a template. */
function linePrinter(format: string | undefined): (told: Told) => string {
  if (format === 'json' || format === 'jsonl') return (told) => JSON.stringify(toFields(told));
  if (format !== undefined && format !== '' && format !== 'text') {
    const names = ['Type', 'Action', 'Actor', 'ID', 'Status', 'Time', 'From'];
    const template = parseTemplate(format, names);
    return (told) => printable(template(toFields(told)), 64 * 1024);
  }
  return ({ time, type, action, id, attributes }) => {
    const more = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
    return printable(`${time} ${type} ${action} ${id} (${more.join(', ')})`, 64 * 1024);
  };
}

function toFields({ time, type, action, id, attributes }: Told): Fields {
  const Actor = { ID: id, Attributes: attributes };
  return { Time: time, Type: type, Action: action, Status: action, ID: id, Actor };
}
