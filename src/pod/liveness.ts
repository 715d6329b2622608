// Notices a guest that has gone silent while somebody waits for it: asks whether it lives, and gives it up when it never answers.
import { isVirtcontainersError } from '../base/errors.js';
import { livenessPingMs, livenessPings, livenessQuietMs } from '../model/limits.js';

export interface LivenessOptions {
  /** Changes whenever something has come from the guest. */
  readonly heard: () => number;
  /** Asks for any answer; rejects with `timeout` where none comes. */
  readonly ping: (options: { readonly timeoutMs: number }) => Promise<void>;
  /** Called once when the guest is given up. @param silentMs for how long at least it has been silent */
  readonly onSilent: (silentMs: number) => void;
}

/**
 * Time is counted by timers one after another, never by a clock: what a host sleeps through does not count, and a host that
 * was stalled itself still hears what has come meanwhile before it gives a guest up.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  #waiting = 0;
  #isSuspended = false;
  #hasEnded = false;
  #isWatching = false;
  // Changes with each `suspend`: what was asked before says nothing afterwards.
  #round = 0;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  /** Somebody waits for the guest; the answer says that he no longer does. */
  enter(): () => void {
    this.#waiting += 1;
    this.#watch();
    return () => {
      this.#waiting -= 1;
    };
  }

  /** The guest is not expected to answer, because it is paused. Safe to repeat. */
  suspend(): void {
    this.#isSuspended = true;
    this.#round += 1;
  }

  /** It is expected to answer again. Safe to repeat. */
  resume(): void {
    this.#isSuspended = false;
    this.#watch();
  }

  /** Never asks again. */
  end(): void {
    this.#hasEnded = true;
  }

  get #isOfInterest(): boolean {
    return this.#waiting > 0 && !this.#isSuspended && !this.#hasEnded;
  }

  #watch(): void {
    if (this.#isWatching || !this.#isOfInterest) return;
    this.#isWatching = true;
    const before = this.#options.heard();
    const round = this.#round;
    const look = async (): Promise<void> => {
      const wasSilent = this.#isSilent(before, round);
      const isLost = wasSilent && (await this.#asksInVain(round));
      this.#isWatching = false;
      if (!isLost) return this.#watch();
      this.#hasEnded = true;
      this.#options.onSilent(livenessQuietMs + livenessPings * livenessPingMs);
    };
    // No reason for a program to stay.
    setTimeout(() => void look(), livenessQuietMs).unref();
  }

  async #asksInVain(round: number): Promise<boolean> {
    const { heard, ping } = this.#options;
    for (let asked = 0; asked < livenessPings; asked++) {
      const before = heard();
      const failure: unknown = await ping({ timeoutMs: livenessPingMs }).catch((error) => error);
      const isTimeout = isVirtcontainersError(failure) && failure.code === 'timeout';
      // Any other failure is an answer too, or the connection's end, which others notice.
      if (!isTimeout || !this.#isSilent(before, round)) return false;
    }
    return true;
  }

  #isSilent(before: number, round: number): boolean {
    return this.#isOfInterest && round === this.#round && this.#options.heard() === before;
  }
}
