// Reads what the kernel shows of processes: bounded in number, in bytes, and in how long it holds up everything else.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { errnoOf } from '../../base/errors.js';
import type { ListedProcess, ProcessListing } from '../usage.js';

/** Most processes in a list. */
export const maxListed = 1024;
/** Most of a command line that is read, in bytes. */
const maxCommandBytes = 4096;
/** What all entries may take, in bytes: an answer holds 256 KiB. Where command lines alone would fill it, later ones are left out. */
const maxListBytes = 200 * 1024;
const maxCommandsBytes = 120 * 1024;
/** What an entry takes beside its texts, with the name of an exec. */
const entryBytes = 56;
/** Processes read in one go, so that a crowd does not hold up the streams. */
const batch = 16;
/** Clock ticks a second in what the kernel shows (USER_HZ), on every architecture that matters here. */
const tickMs = 10;

export interface ListOptions {
  /** Default `/proc`. */
  readonly proc?: string;
  /** Bytes that an entry takes beyond its own: what the caller adds to it. */
  readonly moreBytes?: (pid: number) => number;
}

/** Those of the given processes that are still there. */
export async function listProcesses(
  pids: readonly number[],
  { proc = '/proc', moreBytes = () => 0 }: ListOptions = {},
): Promise<ProcessListing> {
  const uptimeMs = Number.parseFloat(readFileSync(`${proc}/uptime`, 'utf8')) * 1000;
  const processes: ListedProcess[] = [];
  let bytes = 0;
  let gone = 0;
  for (const [index, pid] of pids.entries()) {
    if (index % batch === batch - 1) await new Promise((resolve) => setImmediate(resolve));
    if (processes.length === maxListed || bytes > maxListBytes) break;
    const found = readProcess(`${proc}/${pid}`, {
      pid,
      uptimeMs,
      withArgs: bytes < maxCommandsBytes,
    });
    if (found === null) gone++;
    else {
      processes.push(found);
      bytes += sizeOf(found) + moreBytes(pid);
    }
  }
  return { processes, total: pids.length - gone };
}

interface ReadOptions {
  readonly pid: number;
  readonly uptimeMs: number;
  readonly withArgs: boolean;
}

function readProcess(folder: string, options: ReadOptions): ListedProcess | null {
  try {
    const stat = parseStat(readFileSync(`${folder}/stat`, 'utf8'));
    const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`${folder}/status`, 'utf8'))?.[1];
    if (stat === null || uid === undefined) return null;
    return {
      pid: options.pid,
      parentPid: stat.parentPid,
      uid: Number(uid),
      state: stat.state,
      name: stat.name,
      args: options.withArgs ? splitCommand(readBounded(`${folder}/cmdline`)) : [],
      elapsedMs: Math.max(0, Math.trunc(options.uptimeMs - stat.startTicks * tickMs)),
    };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}

/** The name may hold blanks and parentheses, so that the other fields count from the last one. */
export function parseStat(text: string): {
  readonly name: string;
  readonly state: string;
  readonly parentPid: number;
  readonly startTicks: number;
} | null {
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const [state = '', parent, startTime] = [fields[0], fields[1], fields[19]];
  if (close < 0 || parent === undefined || startTime === undefined) return null;
  return {
    name: text.slice(text.indexOf('(') + 1, close),
    state,
    parentPid: Number(parent),
    startTicks: Number(startTime),
  };
}

/** Arguments end with a NUL each; a program may have put anything else in their place. */
export function splitCommand(bytes: Buffer): readonly string[] {
  const text = bytes.toString('utf8');
  if (text === '') return [];
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}

function readBounded(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(maxCommandBytes);
    return bytes.subarray(0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

function sizeOf({ name, args }: ListedProcess): number {
  const texts = args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 3, 0);
  return entryBytes + Buffer.byteLength(name) + texts;
}
