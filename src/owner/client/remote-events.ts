// What happens to a pod of another process: asked for a little ahead of its reader, so that what waits is bounded.
import { isVirtcontainersError } from '../../base/errors.js';
import type { PodEvent } from '../../model/events.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import type { OwnerConnection } from './owner-connection.js';

type Result = IteratorResult<PodEvent, undefined>;

const done: Result = { done: true, value: undefined };

/** Events that wait here; the rest waits with the owner, which counts what becomes too much. */
const maxAhead = 128;

let lastListener = 0;

/** Events from now on: the owner is asked at once. */
export class RemoteEvents implements AsyncIterableIterator<PodEvent, undefined> {
  readonly #owner: OwnerConnection;
  readonly #listener = ++lastListener;
  readonly #signal: AbortSignal | undefined;
  readonly #ended: Promise<void>;
  readonly #stop = (): void => void this.return();
  #end: () => void = () => {};
  #events: PodEvent[] = [];
  #polling: Promise<void> | null = null;
  #reading: Promise<unknown> = Promise.resolve();
  #hasEnded = false;
  #failure: unknown;

  constructor(owner: OwnerConnection, signal: AbortSignal | undefined) {
    this.#owner = owner;
    this.#signal = signal;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    if (signal?.aborted) this.#over();
    else {
      signal?.addEventListener('abort', this.#stop, { once: true });
      this.#poll();
    }
  }

  next(): Promise<Result> {
    // One after the other, so that each event has one reader.
    const result = this.#reading.then(() => this.#owner.hold(this.#next()));
    this.#reading = result.catch(() => {});
    return result;
  }

  async return(): Promise<Result> {
    if (this.#hasEnded) return done;
    this.#over();
    this.#events = [];
    const request = { listener: this.#listener };
    const what = `cannot leave the events of pod ${this.#owner.podId}`;
    // An owner that has gone has nothing to close.
    await this.#owner
      .call(PodService.method.closeEvents, request, { what, holds: false })
      .catch(() => {});
    return done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #next(): Promise<Result> {
    for (;;) {
      const value = this.#events.shift();
      if (value !== undefined) return { done: false, value };
      if (this.#failure !== undefined) {
        const failure = this.#failure;
        this.#failure = undefined;
        throw failure;
      }
      if (this.#hasEnded) return done;
      await Promise.race([this.#poll(), this.#ended]);
    }
  }

  #poll(): Promise<void> {
    this.#polling ??= this.#ask().then(() => {
      this.#polling = null;
      // Ahead of its reader, but never far: the owner may end right after its pod.
      if (!this.#hasEnded && this.#events.length < maxAhead) void this.#poll();
    });
    return this.#polling;
  }

  async #ask(): Promise<void> {
    const what = `cannot listen to the events of pod ${this.#owner.podId}`;
    const request = { listener: this.#listener };
    try {
      const answer = await this.#owner.call(PodService.method.nextEvents, request, {
        what,
        holds: false,
      });
      if (this.#hasEnded) return;
      this.#events.push(...(JSON.parse(answer.json) as PodEvent[]));
      if (answer.end) this.#over();
    } catch (error) {
      if (this.#hasEnded) return;
      this.#over();
      // Where the pod has been deleted, its end was not told, but it has come. Else whoever reads next is told.
      if (!isVirtcontainersError(error) || error.code !== 'not-found') this.#failure = error;
    }
  }

  #over(): void {
    this.#hasEnded = true;
    this.#signal?.removeEventListener('abort', this.#stop);
    this.#end();
  }
}
