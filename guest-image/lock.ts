// Keeps two setups of one library root from working at once.
import { open } from 'node:fs/promises';
import { sleep } from '../src/base/deadline.js';
import { throwIfAborted } from '../src/base/errors.js';
import { tryLock } from '../src/base/native/lock.js';

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once if another process holds the lock. */
  readonly onWait: () => void;
}

/** Runs `work` while holding the lock on `file`; the kernel drops it however this process ends. */
export async function withLock<T>(
  file: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const { signal, onWait } = options;
  const handle = await open(file, 'a', 0o600);
  try {
    for (let waited = false; !tryLock(handle.fd, 'exclusive'); waited = true) {
      throwIfAborted(signal, 'cannot set up guest image');
      if (!waited) onWait();
      await sleep(200, signal);
    }
    return await work();
  } finally {
    await handle.close();
  }
}
