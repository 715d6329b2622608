// Takes a guest's times over, believing only what can be: few of them, with plain names, one after or inside the other.
import type { BootMark, GuestSpan as SpanMessage, TraceResponse } from '../../wire/gen/agent_pb.js';
import type { GuestBootMark, GuestSpan, GuestTimes } from './agent.js';

const maxBootMarks = 32;
const maxSpans = 512;
const plainName = /^[A-Za-z0-9][A-Za-z0-9 ._:-]{0,39}$/;
/** A century, in microseconds: beyond it lies no uptime, and before it no number loses digits. */
const maxUptimeUs = 3_155_760_000_000_000n;

export function toGuestTimes(response: TraceResponse): GuestTimes {
  const nowUs = least(response.answeredUs, maxUptimeUs);
  const askedUs = least(response.askedUs, nowUs);
  const bootMarks = toBootMarks(response.bootMarks, nowUs);
  const spans = toSpans(response.spans, nowUs);
  const unbelieved =
    response.bootMarks.length - bootMarks.length + (response.spans.length - spans.length);
  return {
    bootMarks,
    spans,
    askedMs: toMs(askedUs),
    answeredMs: toMs(nowUs),
    dropped: response.dropped + unbelieved,
  };
}

/** A phase ends after the one before it, and before now. */
function toBootMarks(marks: readonly BootMark[], nowUs: bigint): readonly GuestBootMark[] {
  const believed: GuestBootMark[] = [];
  let lastUs = 0n;
  for (const { name, uptimeUs } of marks.slice(0, maxBootMarks)) {
    if (!plainName.test(name) || uptimeUs < lastUs || uptimeUs > nowUs) continue;
    lastUs = uptimeUs;
    believed.push({ name, atMs: toMs(uptimeUs) });
  }
  return believed;
}

/** A span ends after it has begun and before now, and lies in the span that it names as its parent. */
function toSpans(messages: readonly SpanMessage[], nowUs: bigint): readonly GuestSpan[] {
  const believed: GuestSpan[] = [];
  // Where the message's span is among those; null if it is not.
  const places: (number | null)[] = [];
  for (const message of messages.slice(0, maxSpans)) {
    const parent = message.parent === 0 ? null : (places[message.parent - 1] ?? undefined);
    const span = parent === undefined ? null : toSpan(message, parent);
    const around = typeof parent === 'number' ? believed[parent] : undefined;
    const isBelieved = span !== null && message.endUs <= nowUs && isInside(span, around);
    places.push(isBelieved ? believed.length : null);
    if (isBelieved) believed.push(span);
  }
  return believed;
}

function toSpan(
  { name, beginUs, endUs, failed }: SpanMessage,
  parent: number | null,
): GuestSpan | null {
  if (!plainName.test(name) || beginUs > endUs) return null;
  return { name, beginMs: toMs(beginUs), endMs: toMs(endUs), parent, failed };
}

function isInside(span: GuestSpan, around: GuestSpan | undefined): boolean {
  return around === undefined || (around.beginMs <= span.beginMs && span.endMs <= around.endMs);
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function toMs(us: bigint): number {
  return Number(us) / 1000;
}
