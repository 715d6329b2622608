// What is said where an id is taken already: whether whoever has it lives, and so what can be done.
import { isVirtcontainersError, VirtcontainersError } from '../base/errors.js';
import type { Store } from '../host/store/store.js';

/** Runs `take`; where a pod has the id already, its error says whether that pod's owner lives. */
export async function takeId<T>(store: Store, take: () => Promise<T>): Promise<T> {
  try {
    return await take();
  } catch (error) {
    if (!isVirtcontainersError(error) || error.code !== 'already-exists') throw error;
    const holder = error.details['podId'];
    if (typeof holder !== 'string' || (await mayLive(store, holder))) throw error;
    throw new VirtcontainersError(error.code, `${error.message}, but its owner has ended`, {
      cause: error,
      hint: `gc() of the library removes what dead owners have left, deletePod('${holder}') this pod alone`,
      details: error.details,
    });
  }
}

async function mayLive(store: Store, podId: string): Promise<boolean> {
  try {
    return await store.hasLiveOwner(podId);
  } catch {
    return true;
  }
}
