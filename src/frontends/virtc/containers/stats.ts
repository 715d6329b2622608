// `virtc stats`: what containers use, once or every second.
import { sleep } from '../../../base/deadline.js';
import { isVirtcontainersError, reasonOf } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import type { Container, Runtime } from '../../../model/pod.js';
import type { ContainerStats } from '../../../model/usage.js';
import type { Fields } from '../listing/go-template.js';
import { type Listing, rowPrinter } from '../listing/print-rows.js';
import { exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { containersOf, type FoundContainer, findContainer, openContainer } from './find.js';
import { requireDockerState } from './owned.js';
import { dockerState, shortIdLength } from './rows.js';

export interface StatsFlags extends CommonFlags {
  readonly all?: boolean;
  /** Of `--no-stream`. */
  readonly stream?: boolean;
  /** Of `--no-trunc`. */
  readonly trunc?: boolean;
}

export interface StatsContext extends VerbContext {
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Whether standard output is a terminal, whose screen shows the newest numbers alone. */
  readonly isTerminal: boolean;
  /** Between two looks, in milliseconds. */
  readonly intervalMs?: number;
}

const listing: Listing = {
  columns: [
    ['CONTAINER ID', 'ID'],
    ['NAME', 'Name'],
    ['CPU %', 'CPUPerc'],
    ['MEM USAGE / LIMIT', 'MemUsage'],
    ['MEM %', 'MemPerc'],
    ['NET I/O', 'NetIO'],
    ['BLOCK I/O', 'BlockIO'],
    ['PIDS', 'PIDs'],
  ],
  heads: { Container: 'CONTAINER' },
  names: ['ID', 'Container', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
};

/** A container that is looked at again and again, and what it had used before. */
interface Watched {
  readonly found: FoundContainer;
  container: Container | null;
  /** The VM's memory, where it has no limit of its own. */
  readonly memoryBytes: number;
  before: Look | null;
  now: Look | null;
}

interface Look {
  readonly atMs: number;
  readonly stats: ContainerStats;
}

/** Resolves with the exit code: 1 if one could not be asked. @throws VirtcontainersError for a name that is not there */
export async function stats(
  names: readonly string[],
  flags: StatsFlags,
  context: StatsContext,
): Promise<number> {
  const { runtime, streams, signal, isTerminal, intervalMs = 1000 } = context;
  const print = rowPrinter(flags.format, listing);
  const watched = await chosen(names, flags, runtime);
  const short = flags.trunc !== false;
  const isStream = flags.stream !== false;
  const failures = new Map<string, string>();
  do {
    await Promise.all(watched.map((one) => look(one, runtime, failures)));
    // A share of processors needs two looks, as with docker.
    const isFirst = watched.every(({ before }) => before === null);
    if (isStream || !isFirst || watched.every(({ now }) => now === null)) {
      const screen = isStream && isTerminal ? '\u001b[2J\u001b[H' : '';
      streams.stdout.write(`${screen}${print(watched.map((one) => toRow(one, short)))}`);
      if (!isStream) break;
    }
    await sleep(intervalMs, signal).catch(() => {});
  } while (!signal.aborted);
  for (const message of failures.values()) {
    streams.stderr.write(`${printable(`virtc: ${message}`, 4096)}\n`);
  }
  return failures.size === 0 ? 0 : exitCodes.found;
}

async function chosen(
  names: readonly string[],
  flags: StatsFlags,
  runtime: Pick<Runtime, 'listPods'>,
): Promise<readonly Watched[]> {
  const pods = await runtime.listPods();
  const found =
    names.length > 0
      ? names.map((name) => findContainer(pods, name, 'show the use of'))
      : containersOf(pods).filter((one) => flags.all === true || isLive(one));
  for (const one of names.length > 0 ? found : []) {
    const what = `cannot show the use of container ${one.container.id}`;
    if (flags.all !== true) requireDockerState(one, what, ['running', 'paused']);
  }
  return found.map((one) => ({
    found: one,
    container: null,
    memoryBytes: one.pod.memoryMiB * 1024 * 1024,
    before: null,
    now: null,
  }));
}

function isLive(found: FoundContainer): boolean {
  return ['running', 'paused'].includes(dockerState(found));
}

async function look(
  one: Watched,
  runtime: Pick<Runtime, 'openPod'>,
  failures: Map<string, string>,
): Promise<void> {
  one.before = one.now;
  if (!isLive(one.found)) return;
  try {
    one.container ??= await openContainer(runtime, one.found);
    one.now = { stats: await one.container.stats(), atMs: performance.now() };
    failures.delete(one.found.container.id);
  } catch (error) {
    one.now = null;
    // One that has ended meanwhile uses nothing, and is no failure.
    const isEnd =
      isVirtcontainersError(error) && ['invalid-state', 'not-found'].includes(error.code);
    if (!isEnd) failures.set(one.found.container.id, reasonOf(error));
  }
}

function toRow({ found, before, now, memoryBytes }: Watched, short: boolean): Fields {
  const { id } = found.container;
  const row = {
    ID: short ? id.slice(0, shortIdLength) : id,
    Container: id,
    Name: id,
    NetIO: '0B / 0B',
  };
  if (now === null) {
    const none = { CPUPerc: '--', MemUsage: '-- / --', MemPerc: '--', BlockIO: '--', PIDs: '--' };
    return { ...row, ...none };
  }
  const { memory, pids, io } = now.stats;
  const limit = memory?.limitBytes ?? memoryBytes;
  const used = memory?.workingSetBytes;
  return {
    ...row,
    CPUPerc: toShare(before, now),
    MemUsage: used === undefined ? '-- / --' : `${toBinary(used)} / ${toBinary(limit)}`,
    MemPerc: used === undefined || limit === 0 ? '--' : `${((used / limit) * 100).toFixed(2)}%`,
    BlockIO: io === null ? '--' : `${toDecimal(io.readBytes)} / ${toDecimal(io.writeBytes)}`,
    PIDs: pids === null ? '--' : String(pids.current),
  };
}

/** Of one processor: 200% are two, as docker counts. */
function toShare(before: Look | null, now: Look): string {
  if (before?.stats.cpu == null || now.stats.cpu === null) return '--';
  const usedMs = (now.stats.cpu.usageUs - before.stats.cpu.usageUs) / 1000;
  return `${((Math.max(0, usedMs) / (now.atMs - before.atMs)) * 100).toFixed(2)}%`;
}

/** As docker: four digits, `1.5GiB`. */
function toBinary(bytes: number): string {
  return withUnit(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], 4);
}

function toDecimal(bytes: number): string {
  return withUnit(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB'], 3);
}

function withUnit(bytes: number, base: number, units: readonly string[], digits: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  return `${Number(value.toPrecision(digits))}${units[unit]}`;
}
