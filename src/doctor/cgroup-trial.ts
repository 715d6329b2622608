// Makes a pod's cgroup as a start would, looks whether its bounds hold, and removes it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createPodCgroup, removeCgroup } from '../host/cgroup/cgroup.js';
import { hostHierarchies } from '../host/cgroup/hierarchies.js';
import { newId } from '../model/id.js';
import type { CgroupTrial } from './isolation.js';

const trialBytes = 64 * 1024 * 1024;
const trialPids = 16;

/** The files that hold a bound, of either version. */
const files: Readonly<Record<string, readonly string[]>> = {
  memory: ['memory.max', 'memory.limit_in_bytes'],
  pids: ['pids.max'],
};

export async function tryCgroups(): Promise<CgroupTrial> {
  const hierarchies = hostHierarchies();
  const made = createPodCgroup({
    podId: `doctor-${newId()}`,
    memoryMaxBytes: trialBytes,
    pidsMax: trialPids,
  });
  try {
    const expected: Readonly<Record<string, number>> = { memory: trialBytes, pids: trialPids };
    const bounded = Object.keys(files).filter((name) =>
      made.some((directory) =>
        (files[name] ?? []).some(
          (file) => contentOf(path.join(directory, file)) === String(expected[name]),
        ),
      ),
    );
    return { hierarchies, made: made.length > 0, bounded };
  } finally {
    await removeCgroup(made);
  }
}

function contentOf(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
}
