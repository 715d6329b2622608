// One reader of events: what it has not taken yet waits here, bounded; beyond that it is counted.
import type { PodEvent } from '../../model/events.js';
import { maxWaitingEvents } from '../../model/limits.js';

type Result = IteratorResult<PodEvent, undefined>;

const done: Result = { done: true, value: undefined };

/** Events from now on. Reading ends after the last one that was told before its end. */
export class EventListener implements AsyncIterableIterator<PodEvent, undefined> {
  readonly #onEnd: (listener: EventListener) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = (): void => this.#drop();
  #events: PodEvent[] = [];
  #readers: ((result: Result) => void)[] = [];
  #missed = 0;
  #hasEnded = false;

  /** @param onEnd called once: nothing need be told any more */
  constructor(onEnd: (listener: EventListener) => void, signal?: AbortSignal) {
    this.#onEnd = onEnd;
    this.#signal = signal;
    if (signal?.aborted) this.#drop();
    else signal?.addEventListener('abort', this.#stop, { once: true });
  }

  tell(event: PodEvent): void {
    if (this.#hasEnded) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader({ done: false, value: event });
    else if (this.#missed > 0 || this.#events.length >= maxWaitingEvents) this.#missed++;
    else this.#events.push(event);
  }

  /** Nothing more will be told; what waits can still be read. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#signal?.removeEventListener('abort', this.#stop);
    this.#onEnd(this);
    for (const reader of this.#readers) reader(done);
    this.#readers = [];
  }

  next(): Promise<Result> {
    const value = this.#events.shift() ?? this.#missing();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#hasEnded) return Promise.resolve(done);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<Result> {
    this.#drop();
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #drop(): void {
    this.#events = [];
    this.#missed = 0;
    this.end();
  }

  #missing(): PodEvent | undefined {
    if (this.#missed === 0) return undefined;
    const count = this.#missed;
    this.#missed = 0;
    return { kind: 'missed', time: new Date().toISOString(), count };
  }
}
