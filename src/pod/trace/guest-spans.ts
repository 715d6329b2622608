// From a guest's own times to spans on the host's time line; pure.
import type { MeasuredSpan, TraceLane } from '../../base/trace/span.js';
import type { GuestTimes } from '../../host/agent/agent.js';
import type { GuestClock } from './guest-clock.js';

export interface GuestPlace {
  readonly podId: string;
  readonly clock: GuestClock;
  /** When the VM began to run, on our clock: no guest has done anything before. */
  readonly beganMs: number;
  /** Our clock now: nor has it done anything after. */
  readonly nowMs: number;
}

/** What happens before Node runs; the rest is the agent's. */
const kernelPhases: ReadonlySet<string> = new Set([
  'firmware',
  'kernel',
  'modules',
  'root-image',
  'init',
]);

/** The phases of the boot, the time before the kernel's clock among them. */
export function toBootSpans(times: GuestTimes, place: GuestPlace): readonly MeasuredSpan[] {
  const { bootMarks } = times;
  if (bootMarks.length === 0) return [];
  const at = placing(place);
  const ends = [
    { name: 'firmware', endMs: at(0) },
    ...bootMarks.map(({ name, atMs }) => ({ name, endMs: at(atMs) })),
  ];
  let beginMs = place.beganMs;
  return ends.map(({ name, endMs }) => {
    const lane: TraceLane = kernelPhases.has(name) ? 'guest-kernel' : 'guest-agent';
    const span = { name, lane, beginMs, endMs, parent: null, args: argsOf(place) };
    beginMs = endMs;
    return span;
  });
}

/** What the agent's calls took. */
export function toCallSpans(times: GuestTimes, place: GuestPlace): readonly MeasuredSpan[] {
  const at = placing(place);
  return times.spans.map(({ name, beginMs, endMs, parent, failed }) => ({
    name,
    lane: 'guest-agent',
    beginMs: at(beginMs),
    endMs: at(endMs),
    parent,
    failed,
    args: argsOf(place),
  }));
}

// Whatever a guest says, its times lie in the life of its VM.
function placing({ clock, beganMs, nowMs }: GuestPlace): (guestMs: number) => number {
  return (guestMs) => Math.min(Math.max(clock.toHostMs(guestMs), beganMs), nowMs);
}

function argsOf({ podId, clock }: GuestPlace) {
  return { pod: podId, clockErrorMs: Math.round(clock.errorMs * 10) / 10 };
}
