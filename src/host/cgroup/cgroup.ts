// A pod's cgroups: filled, emptied and removed.
import { existsSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sleep } from '../../base/deadline.js';
import { errnoOf, reasonOf, VirtcontainersError } from '../../base/errors.js';
import { parentName } from './hierarchies.js';

export { createPodCgroup, type PodCgroupOptions } from './create-cgroup.js';
export { findCgroups } from './find-cgroups.js';
export { setMemoryBound } from './memory-bound.js';

/** Moves a process, with all its threads, into a pod's cgroups. */
export function addProcess(cgroups: readonly string[], pid: number): void {
  for (const directory of cgroups) {
    try {
      writeFileSync(path.join(directory, 'cgroup.procs'), String(pid));
    } catch (error) {
      throw new VirtcontainersError(
        errnoOf(error) === 'ESRCH' ? 'unavailable' : 'internal',
        `cannot add process ${pid} to cgroup ${directory}: ${reasonOf(error)}`,
        { cause: error },
      );
    }
  }
}

/**
 * Kills all that is in the cgroups, whatever it has forked; resolves when they are empty.
 * @throws VirtcontainersError `timeout` naming a cgroup that does not become empty
 */
export async function killAll(cgroups: readonly string[], timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (const directory of cgroups) {
    for (let pauseMs = 1; killMembers(directory) > 0; pauseMs = Math.min(pauseMs * 2, 50)) {
      if (performance.now() > end) {
        const reason = `processes are still there after ${timeoutMs} ms`;
        throw new VirtcontainersError('timeout', `cannot empty cgroup ${directory}: ${reason}`);
      }
      await sleep(pauseMs);
    }
  }
}

// Returns how many were there. A pid of 0 is a process of a pid namespace that we cannot see.
function killMembers(directory: string): number {
  const pids = readLines(path.join(directory, 'cgroup.procs')).map(Number);
  if (pids.length === 0) return 0;
  const killFile = path.join(directory, 'cgroup.kill');
  if (existsSync(killFile) && !pids.includes(process.pid)) {
    writeFileSync(killFile, '1');
    return pids.length;
  }
  for (const pid of pids) if (pid > 0 && pid !== process.pid) killOne(pid);
  return pids.length;
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENODEV') return [];
    throw error;
  }
}

/**
 * Removes a pod's cgroups, which must be empty or become so soon; from any process, safe to repeat.
 * @throws VirtcontainersError `internal` naming one that stays busy
 */
export async function removeCgroup(cgroups: readonly string[], timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (const directory of cgroups) {
    if (path.basename(path.dirname(directory)) !== parentName) {
      const reason = `its parent is not called ${parentName}`;
      throw new VirtcontainersError('internal', `cannot remove cgroup ${directory}: ${reason}`);
    }
    // A process that has just died keeps its cgroup busy until it is reaped.
    for (let pauseMs = 1; !removeDirectory(directory); pauseMs = Math.min(pauseMs * 2, 50)) {
      if (performance.now() > end) {
        const pids = readLines(path.join(directory, 'cgroup.procs')).join(', ');
        const reason = `it is busy with processes ${pids}`;
        throw new VirtcontainersError('internal', `cannot remove cgroup ${directory}: ${reason}`);
      }
      await sleep(pauseMs);
    }
    removeDirectory(path.dirname(directory));
  }
}

function removeDirectory(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return true;
    if (errno === 'EBUSY' || errno === 'ENOTEMPTY') return false;
    throw error;
  }
}
