// Asks a guest for its times where its pod is traced: once when its agent has answered, once before its VM ends.
import { monotonicMs, type Recording, recording } from '../../base/trace/span.js';
import type { Agent, GuestTimes } from '../../host/agent/agent.js';
import { traceTimeoutMs } from '../../model/limits.js';
import { alignClocks, type ClockSample } from './guest-clock.js';
import { type GuestPlace, toBootSpans, toCallSpans } from './guest-spans.js';

export interface TracedGuest {
  readonly podId: string;
  readonly agent: Agent;
  /** Its boot was another VM's, at another time. */
  readonly isClone: boolean;
  /** When the VM began to run, on the monotonic clock. */
  readonly beganMs: number;
}

/** The tracing of one guest. A guest that does not answer costs its own part of the trace, and nothing else. */
export class GuestTracing {
  readonly #guest: TracedGuest;
  readonly #recording: Recording;
  readonly #samples: ClockSample[] = [];
  #bootIsTold = false;
  #collected = false;

  private constructor(guest: TracedGuest, to: Recording) {
    this.#guest = guest;
    this.#recording = to;
  }

  /** Records the boot's phases and has the guest record its calls; null where nobody traces. */
  static async begin(guest: TracedGuest): Promise<GuestTracing | null> {
    const to = recording();
    if (to === undefined) return null;
    const tracing = new GuestTracing(guest, to);
    tracing.#record(await tracing.#ask());
    return tracing;
  }

  /** Records what the guest's calls took, once. */
  async collect(): Promise<void> {
    if (this.#collected) return;
    this.#collected = true;
    this.#record(await this.#ask());
  }

  #record(times: GuestTimes | null): void {
    if (times === null) return;
    const place = this.#place();
    const { isClone } = this.#guest;
    if (!this.#bootIsTold && !isClone) this.#recording.adopt(toBootSpans(times, place));
    this.#bootIsTold = true;
    this.#recording.adopt(toCallSpans(times, place));
  }

  /** That it failed is told by its span. */
  async #ask(): Promise<GuestTimes | null> {
    const ask = async (): Promise<GuestTimes> => {
      const askedMs = monotonicMs();
      const times = await this.#guest.agent.trace({ timeoutMs: traceTimeoutMs });
      const { askedMs: guestAskedMs, answeredMs: guestAnsweredMs } = times;
      this.#samples.push({ askedMs, answeredMs: monotonicMs(), guestAskedMs, guestAnsweredMs });
      return times;
    };
    try {
      return await this.#recording.span('trace-guest', ask);
    } catch {
      return null;
    }
  }

  #place(): GuestPlace {
    const { podId, isClone, beganMs } = this.#guest;
    // A clone's clock began with its template.
    const notBeforeMs = isClone ? Number.NEGATIVE_INFINITY : beganMs;
    const clock = alignClocks(this.#samples, notBeforeMs);
    return { podId, beganMs, nowMs: monotonicMs(), clock };
  }
}
