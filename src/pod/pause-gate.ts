// Keeps calls and a pause of the VM apart: what is under way ends first, what comes later is refused at once or waits.
import { abortError, VirtcontainersError } from '../base/errors.js';

/** A gate that calls pass and that a pause closes. */
export class PauseGate {
  #state: 'open' | 'closing' | 'closed' = 'open';
  #inside = 0;
  readonly #waiting = new Set<() => void>();

  /** Refuses what may not begin now. @throws VirtcontainersError `invalid-state` */
  check(what: string): void {
    if (this.#state !== 'open') throw refusal(what, this.#state);
  }

  /**
   * Lets something in that consists of several calls: a pause waits until it is done.
   * @throws VirtcontainersError `invalid-state` while the pod is paused or about to be
   */
  async enter<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.check(what);
    return this.#count(work);
  }

  /** As `enter`, also for the calls of what is inside already. */
  async pass<T>(what: string, work: () => Promise<T>): Promise<T> {
    const goesOn = this.#state === 'closing' && this.#inside > 0;
    if (!goesOn) this.check(what);
    return this.#count(work);
  }

  /** As `enter`, as soon as that is possible, or when the VM has ended. */
  async passLater<T>(work: () => Promise<T>, ended: () => boolean): Promise<T> {
    while (this.#state !== 'open' && !ended()) await this.#change();
    return this.#count(work);
  }

  /** Resolves when the VM is not paused, or has ended: ask for that again. */
  async runs(ended: () => boolean): Promise<void> {
    while (this.#state === 'closed' && !ended()) await this.#change();
  }

  /** Lets nothing in any more; resolves when nothing is inside. Opens again where the signal fires. */
  async close(what: string, signal: AbortSignal): Promise<void> {
    this.#set('closing');
    const stop = (): void => this.wake();
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (this.#inside > 0) {
        if (signal.aborted) throw abortError(signal, what);
        await this.#change();
      }
      if (signal.aborted) throw abortError(signal, what);
      this.#set('closed');
    } catch (error) {
      this.open();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  open(): void {
    this.#set('open');
  }

  /** Lets all that wait look again. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const look of waiting) look();
  }

  async #count<T>(work: () => Promise<T>): Promise<T> {
    this.#inside++;
    try {
      return await work();
    } finally {
      this.#inside--;
      if (this.#inside === 0 && this.#state === 'closing') this.wake();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #set(state: 'open' | 'closing' | 'closed'): void {
    this.#state = state;
    this.wake();
  }
}

function refusal(what: string, state: 'closing' | 'closed'): VirtcontainersError {
  const is = state === 'closed' ? 'is paused' : 'is being paused';
  return new VirtcontainersError('invalid-state', `${what}: the pod ${is}`, {
    hint: 'resume the pod first',
    details: { state: 'paused' },
  });
}
