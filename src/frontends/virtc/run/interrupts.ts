// What signals to `virtc run` mean while it starts, runs and ends a container.
import { constants } from 'node:os';
import type { VirtcontainersError } from '../../../base/errors.js';
import { exitCodes } from '../report.js';

/** Signals that a container gets from us. */
export const forwardedSignals = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
] as const;
export type ForwardedSignal = (typeof forwardedSignals)[number];

/** Where signals come from: `process`, or a fake. */
export interface SignalSource {
  on(name: ForwardedSignal, listener: () => void): unknown;
  off(name: ForwardedSignal, listener: () => void): unknown;
}

/** A second ^C this soon after the first one kills. */
const killWindowMs = 2000;

/**
 * Starting: any signal aborts. Running: signals are forwarded, a second SIGINT within two seconds aborts.
 * Draining (the container has ended, its output is still being written): any signal aborts.
 * Closing: nothing more happens, clean-up is bounded.
 */
export class Interrupts {
  readonly #source: SignalSource;
  readonly #now: () => number;
  readonly #abort = new AbortController();
  readonly #listeners = new Map<ForwardedSignal, () => void>();
  #phase: 'starting' | 'running' | 'draining' | 'closing' = 'starting';
  #forward: (name: ForwardedSignal) => void = () => {};
  #lastInterruptMs = Number.NEGATIVE_INFINITY;
  #exitCode: number | undefined;
  #failure: VirtcontainersError | undefined;

  constructor(source: SignalSource, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
    for (const name of forwardedSignals) {
      const listener = (): void => this.#onSignal(name);
      this.#listeners.set(name, listener);
      source.on(name, listener);
    }
  }

  /** Fires when everything shall end now. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The code to exit with, once `signal` has fired without a failure. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** From now on signals go to the container. */
  forwardTo(forward: (name: ForwardedSignal) => void): void {
    this.#phase = 'running';
    this.#forward = forward;
  }

  /** The container has ended. */
  drain(): void {
    this.#phase = 'draining';
  }

  /** Why everything ends, where that is to be told. */
  get failure(): VirtcontainersError | undefined {
    return this.#failure;
  }

  /** Ends everything for another reason than a signal: quietly with a code, or with a failure that is to be told. */
  end(reason: number | VirtcontainersError): void {
    if (this.#abort.signal.aborted) return;
    if (typeof reason === 'number') this.#exitCode = reason;
    else this.#failure = reason;
    this.#abort.abort(reason);
  }

  /** Clean-up begins: signals are swallowed so that it is finished. */
  close(): void {
    this.#phase = 'closing';
  }

  /** Gives the signals back their usual meaning. */
  dispose(): void {
    for (const [name, listener] of this.#listeners) this.#source.off(name, listener);
    this.#listeners.clear();
  }

  #onSignal(name: ForwardedSignal): void {
    if (this.#phase === 'closing') return;
    if (this.#phase !== 'running') {
      this.end(exitCodes.signalBase + constants.signals[name]);
    } else if (name === 'SIGINT' && this.#isSecondInterrupt()) {
      this.end(exitCodes.signalBase + constants.signals.SIGKILL);
    } else {
      this.#forward(name);
    }
  }

  #isSecondInterrupt(): boolean {
    const now = this.#now();
    const second = now - this.#lastInterruptMs <= killWindowMs;
    this.#lastInterruptMs = now;
    return second;
  }
}
