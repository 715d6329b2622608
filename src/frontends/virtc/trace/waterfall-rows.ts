// Decides what a waterfall shows: which span is under which, where time is unaccounted for, what is too short to show; pure.
import type { TraceLane } from '../../../base/trace/span.js';
import type { TraceSpan } from '../../../base/trace/trace-file.js';

/** One line. */
export interface WaterfallRow {
  readonly kind: 'span' | 'moment' | 'gap';
  readonly depth: number;
  readonly lane: TraceLane;
  readonly name: string;
  readonly beginMs: number;
  readonly endMs: number;
  readonly failed: boolean;
}

export interface WaterfallRows {
  readonly rows: readonly WaterfallRow[];
  /** How many spans are too short for a line of their own. */
  readonly leftOut: number;
}

/** A span inside others that is shorter than this part of the whole has no line. */
const shownPart = 1 / 1000;
/** Time between spans that is longer than this part of the whole is named. */
const gapPart = 1 / 100;
/** By how much a guest's span may stick out of a step of the host and still be shown under it, in milliseconds: clocks are not exact. */
const overhangMs = 50;

/** @param totalMs how long all of it took */
export function toWaterfallRows(spans: readonly TraceSpan[], totalMs: number): WaterfallRows {
  const children = toTree(spans);
  const rows: WaterfallRow[] = [];
  let leftOut = 0;
  const show = (within: readonly TraceSpan[], around: Around): void => {
    const { depth, lane } = around;
    // That a VM runs says of no moment what happens in it.
    const hasParts = within.some((span) => span.lane !== 'qemu');
    let coveredMs = around.beginMs;
    const showGap = (endMs: number): void => {
      if (!hasParts || endMs - coveredMs < totalMs * gapPart) return;
      const beginMs = coveredMs;
      rows.push({ kind: 'gap', depth, lane, name: 'unaccounted', beginMs, endMs, failed: false });
    };
    for (const span of within) {
      const kind = span.beginMs === span.endMs ? 'moment' : 'span';
      if (kind === 'span' && span.lane !== 'qemu') showGap(span.beginMs);
      if (kind === 'span' && depth > 0 && span.endMs - span.beginMs < totalMs * shownPart) {
        leftOut += 1;
      } else {
        const { name, beginMs, endMs, failed } = span;
        rows.push({ kind, depth, lane: span.lane, name, beginMs, endMs, failed });
        const inner = children.get(span.id) ?? [];
        if (inner.length > 0) show(inner, { ...span, depth: depth + 1 });
      }
      if (kind === 'span' && span.lane !== 'qemu') coveredMs = Math.max(coveredMs, span.endMs);
    }
    showGap(around.endMs);
  };
  const whole = { depth: 0, lane: 'host', beginMs: 0, endMs: totalMs } as const;
  show(children.get(null) ?? [], whole);
  return { rows, leftOut };
}

type Around = Pick<TraceSpan, 'lane' | 'beginMs' | 'endMs'> & { readonly depth: number };
type Tree = ReadonlyMap<number | null, readonly TraceSpan[]>;

/** The spans under each span, as they began. QEMU's and the guest's are put under the step of the host that they are in. */
function toTree(spans: readonly TraceSpan[]): Tree {
  const tree = new Map<number | null, TraceSpan[]>();
  const add = (parent: number | null, span: TraceSpan): void => {
    const siblings = tree.get(parent) ?? [];
    siblings.push(span);
    tree.set(parent, siblings);
  };
  const hosts = spans.filter(({ lane }) => lane === 'host');
  for (const span of hosts) add(span.parentId, span);
  const hostTree = new Map([...tree].map(([id, inner]) => [id, [...inner]]));
  for (const span of spans) {
    if (span.lane === 'host') continue;
    add(span.parentId ?? findPlace(span, hostTree), span);
  }
  for (const siblings of tree.values()) {
    siblings.sort((a, b) => a.beginMs - b.beginMs || b.endMs - a.endMs || a.id - b.id);
  }
  return tree;
}

/** The innermost span of the host that most of this one is in. */
function findPlace(span: TraceSpan, hosts: Tree): number | null {
  let place: TraceSpan | undefined;
  for (;;) {
    const steps: readonly TraceSpan[] = hosts.get(place?.id ?? null) ?? [];
    const inner = steps.find((host) => isMostlyIn(span, host));
    if (inner === undefined) return place?.id ?? null;
    place = inner;
  }
}

function isMostlyIn(span: TraceSpan, host: TraceSpan): boolean {
  const shared = Math.min(span.endMs, host.endMs) - Math.max(span.beginMs, host.beginMs);
  const lengthMs = span.endMs - span.beginMs;
  return lengthMs - shared <= Math.min(lengthMs / 2, overhangMs);
}
