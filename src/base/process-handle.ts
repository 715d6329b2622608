// Names a process so that a recycled pid is never mistaken for it, and ends it from any process.
import { readFileSync } from 'node:fs';
import { sleep } from './deadline.js';
import { errnoOf } from './errors.js';

/** A process: its pid and when it started. */
export interface ProcessHandle {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks since boot. */
  readonly startTime: string;
}

interface ProcessStat {
  readonly state: string;
  readonly startTime: string;
}

/** The fields after the name; the name itself may hold blanks and parentheses, so they count from the last `)`. */
export function parseProcessStat(text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === undefined || startTime === undefined || !/^\d+$/.test(startTime)
    ? null
    : { state, startTime };
}

function readStat(pid: number): ProcessStat | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return null;
    throw error;
  }
}

/** The handle of a process that exists now (a zombie included); null if there is none. */
export function processHandle(pid: number): ProcessHandle | null {
  const stat = readStat(pid);
  return stat === null ? null : { pid, startTime: stat.startTime };
}

/** Whether the process runs; a zombie does not. */
export function isAlive(handle: ProcessHandle): boolean {
  const stat = readStat(handle.pid);
  if (stat === null || stat.startTime !== handle.startTime) return false;
  return stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * Sends a signal.
 * @returns false if the process has ended, which is no error
 */
export function killProcess(handle: ProcessHandle, signal: NodeJS.Signals | number): boolean {
  if (!isAlive(handle)) return false;
  try {
    process.kill(handle.pid, signal);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Waits until the process has ended.
 * @returns false if it still runs after `timeoutMs`
 */
export async function waitForDeath(handle: ProcessHandle, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (let pauseMs = 1; isAlive(handle); pauseMs = Math.min(pauseMs * 2, 25)) {
    const leftMs = end - performance.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(pauseMs, leftMs));
  }
  return true;
}
