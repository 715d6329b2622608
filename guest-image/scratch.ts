// A place for what is not finished: one setup at a time has it, and what an interrupted one left there is removed.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type LockOptions, withLock } from './lock.js';

/** What is not finished lies in directories of this prefix. */
const unfinishedPrefix = '.building-';

/** Runs `work` with an empty directory below `directory`, which no other setup uses meanwhile; then that is removed. */
export function withScratch<T>(
  directory: string,
  options: LockOptions,
  work: (scratch: string) => Promise<T>,
): Promise<T> {
  return withLock(path.join(directory, 'lock'), options, async () => {
    for (const name of await readdir(directory)) {
      if (name.startsWith(unfinishedPrefix)) await removeTree(path.join(directory, name));
    }
    const scratch = await mkdtemp(path.join(directory, unfinishedPrefix));
    try {
      return await work(scratch);
    } finally {
      await removeTree(scratch);
    }
  });
}

// A program of a setup that was killed may still be writing there: it is given seconds to end.
function removeTree(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
