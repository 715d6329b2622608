// Releases what a record says that a pod holds, and what its name tells beyond, from whatever process.
import {
  isVirtcontainersError,
  reasonOf,
  throwIfAborted,
  VirtcontainersError,
} from '../base/errors.js';
import type { OwnedRecord, PodRecord } from '../host/store/store.js';
import type { Handle } from '../model/handle.js';
import { attempt } from './errors.js';
import type { Mechanisms } from './mechanisms.js';
import type { PodBook } from './pod-record.js';

/**
 * Releases the handles of a book in reverse and looks for what no record names; says what failed.
 * @param signal ends it between two handles: what is left counts as failed
 */
export async function releaseHandles(
  mechanisms: Mechanisms,
  podId: string,
  book: Pick<PodBook, 'record' | 'drop'> | null,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const handle of [...(book?.record.handles ?? [])].reverse()) {
    const failed = await attempt(handle.kind, async () => {
      throwIfAborted(signal, `cannot release ${handle.kind}`);
      await release(mechanisms, handle);
    });
    if (failed.length === 0) book?.drop(handle);
    failures.push(...failed);
  }
  const leftovers = attempt('leftovers', async () => {
    for (const handle of await mechanisms.hypervisor.findLeftovers(podId)) {
      throwIfAborted(signal, `cannot release ${handle.kind}`);
      await mechanisms.hypervisor.release(handle);
    }
  });
  return [...failures, ...(await leftovers)];
}

function release(mechanisms: Mechanisms, handle: Handle): Promise<void> {
  return handle.kind === 'vm'
    ? mechanisms.hypervisor.release(handle)
    : mechanisms.share.release(handle);
}

/**
 * Removes the pod of a dead owner.
 * @param options.force also where its record cannot be understood
 * @throws VirtcontainersError `not-found`; `invalid-state` if its owner lives; `internal` where something was not released
 */
export async function removeDeadPod(
  mechanisms: Mechanisms,
  podId: string,
  options: { readonly force: boolean; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { force, signal } = options;
  const what = `cannot delete pod ${podId}`;
  throwIfAborted(signal, what);
  const owned = await mechanisms.store.takeOver(podId);
  let removed = false;
  try {
    const record = await lastRecord(owned, what, force);
    const book = record === null ? null : heldBy(record);
    const failures = await releaseHandles(mechanisms, podId, book, signal);
    if (failures.length > 0) {
      // What is left must stay named.
      if (book !== null) await attempt('record', () => owned.save(book.record));
      throwIfAborted(signal, what);
      throw new VirtcontainersError('internal', `${what}: ${failures.join('; ')}`, {
        details: { failedCleanups: failures },
      });
    }
    await owned.remove();
    removed = true;
  } finally {
    if (!removed) await owned.close();
  }
}

// An owner that died before its first save left no record, and nothing to release but what its name tells.
async function lastRecord(
  owned: OwnedRecord,
  what: string,
  force: boolean,
): Promise<PodRecord | null> {
  try {
    return await owned.load();
  } catch (error) {
    const none = isVirtcontainersError(error) && error.details['reason'] === 'no-record';
    if (force || none) return null;
    throw new VirtcontainersError('internal', `${what}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'delete it with `force`',
    });
  }
}

function heldBy(first: PodRecord): Pick<PodBook, 'record' | 'drop'> {
  let record = first;
  return {
    get record() {
      return record;
    },
    drop: (handle) => {
      record = { ...record, handles: record.handles.filter((held) => held !== handle) };
    },
  };
}
