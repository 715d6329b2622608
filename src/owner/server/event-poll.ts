// Hands out events in batches: waits for the first, takes what is there behind it.
import { waitFor } from '../../base/deadline.js';
import { VirtcontainersError } from '../../base/errors.js';
import type { PodEvent } from '../../model/events.js';

type Result = IteratorResult<PodEvent, undefined>;

/** Events that are answered at once. */
const maxBatch = 128;

const nothing: Promise<undefined> = Promise.resolve(undefined);

export class EventPoll {
  readonly #events: AsyncIterableIterator<PodEvent, undefined>;
  #next: Promise<Result> | null = null;
  #isBusy = false;

  constructor(events: AsyncIterableIterator<PodEvent, undefined>) {
    this.#events = events;
  }

  /** At least one event, or the end; what is not handed out because of the signal comes with the next call. */
  async poll(
    signal: AbortSignal,
  ): Promise<{ readonly events: readonly PodEvent[]; readonly end: boolean }> {
    const what = 'cannot wait for events';
    if (this.#isBusy) throw new VirtcontainersError('invalid-state', `${what}: another call does`);
    this.#isBusy = true;
    try {
      const events: PodEvent[] = [];
      while (events.length < maxBatch) {
        this.#next ??= this.#events.next();
        // One that is there comes first.
        const result =
          events.length === 0
            ? await waitFor(this.#next, { what, signal })
            : await Promise.race([this.#next, nothing]);
        if (result === undefined) break;
        this.#next = null;
        if (result.done === true) return { events, end: true };
        events.push(result.value);
      }
      return { events, end: false };
    } finally {
      this.#isBusy = false;
    }
  }

  async close(): Promise<void> {
    await this.#events.return?.();
  }
}
