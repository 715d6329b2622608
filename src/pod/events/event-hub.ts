// Tells events to whoever listens: of one pod, or of all pods of a runtime.
import type { MissedEvent, PodEvent } from '../../model/events.js';
import { EventListener } from './event-listener.js';

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An event before it has its time and its pod. */
export type EventBody = Without<Exclude<PodEvent, MissedEvent>, 'time' | 'podId'>;

export class EventHub {
  readonly #above: EventHub | null;
  readonly #listeners = new Set<EventListener>();
  #hasEnded = false;

  /** @param above is told as well */
  constructor(above: EventHub | null = null) {
    this.#above = above;
  }

  /** Begins to listen now. @param signal ends it */
  listen(signal?: AbortSignal): EventListener {
    const listener = new EventListener((ended) => this.#listeners.delete(ended), signal);
    if (this.#hasEnded) listener.end();
    else if (signal?.aborted !== true) this.#listeners.add(listener);
    return listener;
  }

  tell(podId: string, body: EventBody): void {
    if (!this.isHeard) return;
    this.#pass({ ...body, time: new Date().toISOString(), podId } as PodEvent);
  }

  /** Nothing more happens here. */
  end(): void {
    this.#hasEnded = true;
    for (const listener of [...this.#listeners]) listener.end();
  }

  /** Whether anybody listens. */
  get isHeard(): boolean {
    return this.#listeners.size > 0 || (this.#above?.isHeard ?? false);
  }

  #pass(event: PodEvent): void {
    for (const listener of [...this.#listeners]) listener.tell(event);
    if (this.#above !== null) this.#above.#pass(event);
  }
}
