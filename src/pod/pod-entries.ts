// Pods as lists show them, read from a store: a damaged record is an entry, what is gone by now and what nobody has asked for yet is none.
import { isVirtcontainersError, reasonOf } from '../base/errors.js';
import type { Store } from '../host/store/store.js';
import type { PodListEntry, PodStatus } from '../model/pod.js';
import { toPodStatus } from './status.js';

/** A pod at a glance. */
export interface PodGlance {
  readonly status: PodStatus;
  /** Whether it waits for whoever asks for a pod. */
  readonly waiting: boolean;
}

type Records = Pick<Store, 'list' | 'load' | 'hasLiveOwner'>;

/** @throws VirtcontainersError `not-found`, or what is wrong with its record */
export async function glanceAt(store: Records, id: string): Promise<PodGlance> {
  const record = await store.load(id);
  const status = toPodStatus(record, await store.hasLiveOwner(id));
  return { status, waiting: record.waiting };
}

/** @param look reads one; by default from the store */
export async function listEntries(
  store: Records,
  look: (id: string) => Promise<PodGlance> = (id) => glanceAt(store, id),
): Promise<readonly PodListEntry[]> {
  const ids = await store.list();
  const entries = await Promise.all(ids.map((id) => toEntry(id, look)));
  return entries.filter((entry) => entry !== null);
}

async function toEntry(
  id: string,
  look: (id: string) => Promise<PodGlance>,
): Promise<PodListEntry | null> {
  try {
    const { status, waiting } = await look(id);
    return waiting ? null : status;
  } catch (error) {
    // Gone since it was listed.
    if (isVirtcontainersError(error) && error.code === 'not-found') return null;
    return { id, error: reasonOf(error) };
  }
}
