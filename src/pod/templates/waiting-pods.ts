// Pods that wait to be handed out: clones that run and are warmed up, replaced in the background, gone with their owner.
import { VirtcontainersError } from '../../base/errors.js';
import { newId } from '../../model/id.js';
import { attempt } from '../errors.js';
import type { LocalPod } from '../local-pod.js';

export interface WaitingPodsOptions {
  /** How many are kept. */
  readonly count: number;
  /** How long after one was handed out the next is begun, in milliseconds. */
  readonly refillMs: number;
  /** Makes one. */
  readonly make: (id: string, signal: AbortSignal) => Promise<LocalPod>;
  /** Told of one that could not be made or warmed up, and of what is left of it. */
  readonly onFailure: (id: string, error: unknown, left: readonly string[]) => void;
}

export class WaitingPods {
  readonly #options: WaitingPodsOptions;
  readonly #waiting: LocalPod[] = [];
  readonly #ending = new AbortController();
  #filling: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | null = null;

  // They keep no program from ending; at its end they are deleted.
  readonly #closeAtEnd = (): void => void this.close().catch(() => {});

  constructor(options: WaitingPodsOptions) {
    this.#options = options;
    if (options.count > 0) process.on('beforeExit', this.#closeAtEnd);
  }

  /** One that waits, if there is one; another takes its place soon. */
  take(): LocalPod | null {
    const taken = this.#waiting.shift() ?? null;
    this.fillSoon();
    return taken;
  }

  /** Makes what is missing, when whoever has just taken one has had the processor for a while. */
  fillSoon(): void {
    if (this.#ending.signal.aborted || this.#options.count === 0) return;
    // Not anew with each that is taken: where they are taken all the time, none would ever be made.
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#filling ??= this.#fill().finally(() => {
        this.#filling = null;
      });
    }, this.#options.refillMs).unref();
  }

  /**
   * Deletes all of them; none is made any more. Safe to repeat; calls at once end together.
   * @throws VirtcontainersError `internal` where something was not released
   */
  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = null;
    });
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    process.off('beforeExit', this.#closeAtEnd);
    this.#ending.abort(new Error('waiting pods are no longer wanted'));
    await this.#filling;
    const failures = await Promise.all(
      this.#waiting.splice(0).map((pod) => attempt(pod.id, () => pod.delete({ force: true }))),
    );
    if (failures.flat().length === 0) return;
    throw new VirtcontainersError('internal', `cannot delete waiting pods: ${failures.flat()}`);
  }

  // One after the other: each takes a whole processor. One that cannot be made is tried again when the next is taken.
  async #fill(): Promise<void> {
    const { count, make, onFailure } = this.#options;
    const { signal } = this.#ending;
    while (this.#waiting.length < count && !signal.aborted) {
      const id = newId();
      let made: LocalPod | null = null;
      try {
        made = await make(id, signal);
        await made.rehearse();
        this.#waiting.push(made);
      } catch (error) {
        const left = await attempt(id, () => made?.delete({ force: true }));
        if (!signal.aborted || left.length > 0) onFailure(id, error, left);
        return;
      }
    }
  }
}
