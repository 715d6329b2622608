// The pods that are being created: whoever deletes one by its id ends its creation.
import { waitFor } from '../base/deadline.js';
import { VirtcontainersError } from '../base/errors.js';

interface Coming {
  readonly abort: AbortController;
  readonly settled: Promise<unknown>;
}

export class ComingPods {
  readonly #coming = new Map<string, Coming>();

  has(id: string): boolean {
    return this.#coming.has(id);
  }

  /** Creates a pod under a signal that fires with the caller's, and when the pod is to be deleted. */
  async run<T>(
    id: string,
    caller: AbortSignal | undefined,
    create: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController();
    const forward = (): void => abort.abort(caller?.reason);
    if (caller?.aborted) forward();
    caller?.addEventListener('abort', forward, { once: true });
    const creating = create(abort.signal);
    this.#coming.set(id, { abort, settled: creating.catch(() => {}) });
    try {
      return await creating;
    } finally {
      this.#coming.delete(id);
      caller?.removeEventListener('abort', forward);
    }
  }

  /**
   * Ends the creation of a pod, if there is one, and waits for its end; whoever was just faster has the pod.
   * @throws VirtcontainersError `invalid-state` without `force`
   */
  async end(
    id: string,
    options: {
      readonly what: string;
      readonly force: boolean;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<boolean> {
    const coming = this.#coming.get(id);
    if (coming === undefined) return false;
    const { what, force, signal } = options;
    if (!force) throw new VirtcontainersError('invalid-state', `${what}: it is being created`);
    coming.abort.abort(new VirtcontainersError('invalid-state', 'the pod is being deleted'));
    await waitFor(coming.settled, { what, signal });
    return true;
  }
}
