// Tells when each step of a pod's life begins and ends, and remembers how long it took.
import type { Logger } from '../base/log.js';
import { span } from '../base/trace/span.js';
import type { ProgressEvent, Timings } from '../model/progress.js';

export type Step = ProgressEvent['step'];
type Listener = (event: ProgressEvent) => void;

/** The steps of one pod. */
export class Steps {
  readonly #podId: string;
  #listeners: readonly Listener[];
  readonly #log: Logger;
  readonly #timings: Timings[number][] = [];

  constructor(podId: string, listeners: readonly (Listener | undefined)[], log: Logger) {
    this.#podId = podId;
    this.#listeners = listeners.filter((listener) => listener !== undefined);
    this.#log = log;
  }

  /** Forgets what was before, and tells others from now on. */
  beginAnew(listeners: readonly (Listener | undefined)[]): void {
    this.#timings.length = 0;
    this.#listeners = listeners.filter((listener) => listener !== undefined);
  }

  /** How long each step took; the oldest are forgotten after a thousand. */
  get timings(): Timings {
    return [...this.#timings];
  }

  /** Carries out a step; it is told and timed also where it fails. */
  async run<T>(step: Step, work: () => Promise<T>, containerId?: string): Promise<T> {
    const of = { podId: this.#podId, ...(containerId === undefined ? {} : { containerId }) };
    const begun = performance.now();
    this.#tell({ step, phase: 'begin', ...of });
    try {
      return await span(step, work, toArgs(of));
    } finally {
      const durationMs = Math.round((performance.now() - begun) * 10) / 10;
      this.#timings.push({
        step,
        ...(containerId === undefined ? {} : { containerId }),
        durationMs,
      });
      if (this.#timings.length > 1000) this.#timings.shift();
      this.#tell({ step, phase: 'end', ...of, durationMs });
    }
  }

  #tell(event: ProgressEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // A watcher's fault must not become the pod's.
        this.#log.warn({ err: error, step: event.step }, 'a progress listener failed');
      }
    }
  }
}

function toArgs(of: { readonly podId: string; readonly containerId?: string }) {
  const { podId, containerId } = of;
  return { pod: podId, ...(containerId === undefined ? {} : { container: containerId }) };
}
