// Tests of the file for viewers: its form, and that no two spans overlap in a thread without being parts of each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TraceLane } from './span.js';
import { createTrace } from './trace.js';
import { type TraceSpan, toTraceFile } from './trace-file.js';

function toSpan(id: number, more: Partial<TraceSpan>): TraceSpan {
  const base = { parentId: null, name: `s${id}`, lane: 'host', failed: false, args: {} } as const;
  return { id, beginMs: 0, endMs: 1, ...base, ...more };
}

test('each lane is a process with a name, each span an event with its time in microseconds', () => {
  const file = toTraceFile(
    [
      toSpan(1, { name: 'vm-spawn', beginMs: 1.0004, endMs: 3, args: { pod: 'p' } }),
      toSpan(2, { name: 'start', lane: 'qemu', beginMs: 2, endMs: 2.5, failed: true }),
      toSpan(3, { name: 'kernel', lane: 'guest-kernel', beginMs: 2, endMs: 4 }),
      toSpan(4, { name: 'moment', beginMs: 3.5, endMs: 3.5 }),
    ],
    { version: '1' },
  );
  assert.equal(file.displayTimeUnit, 'ms');
  assert.deepEqual(file.otherData, { version: '1' });
  assert.deepEqual(
    file.traceEvents.filter(({ ph }) => ph !== 'M'),
    [
      { ph: 'i', s: 'p', name: 'moment', cat: 'host', pid: 1, tid: 1, ts: 3500, args: {} },
      ...[{ name: 'vm-spawn', cat: 'host', pid: 1, ts: 1000, dur: 2000, args: { pod: 'p' } }],
      { name: 'start', cat: 'qemu', pid: 2, ts: 2000, dur: 500, args: { failed: 'yes' } },
      { name: 'kernel', cat: 'guest-kernel', pid: 3, ts: 2000, dur: 2000, args: {} },
    ].map((event) => ('ph' in event ? event : { ph: 'X', tid: 1, ...event })),
  );
  const named = file.traceEvents.flatMap((event) =>
    event.ph === 'M' && event.name === 'process_name' ? [[event.pid, event.args['name']]] : [],
  );
  assert.deepEqual(named, [
    [1, 'host'],
    [2, 'qemu'],
    [3, 'guest kernel'],
  ]);
});

test('what runs side by side is in threads of its own, what is a part stays with its whole', () => {
  const { traceEvents } = toTraceFile(
    [
      toSpan(1, { beginMs: 0, endMs: 10 }),
      toSpan(2, { beginMs: 2, endMs: 5 }),
      toSpan(3, { parentId: 1, beginMs: 3, endMs: 4 }),
      toSpan(4, { parentId: 2, beginMs: 3, endMs: 4 }),
      toSpan(5, { beginMs: 10, endMs: 11 }),
    ],
    {},
  );
  const threads = traceEvents.flatMap((event) =>
    event.ph === 'X' ? [`${event.name}:${event.tid}`] : [],
  );
  assert.deepEqual(threads.sort(), ['s1:1', 's2:2', 's3:1', 's4:2', 's5:1']);
});

test('whatever the spans are, none is lost and none overlaps another in its thread but by being inside it', () => {
  const lanes = fc.constantFrom<TraceLane>('host', 'qemu', 'guest-kernel', 'guest-agent');
  const shape = fc.record({
    lane: lanes,
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    to: fc.double({ min: 0, max: 1, noNaN: true }),
    parent: fc.option(fc.nat(30)),
  });
  fc.assert(
    fc.property(fc.array(shape, { maxLength: 30 }), (shapes) => {
      const spans: TraceSpan[] = [];
      for (const { lane, from, to, parent } of shapes) {
        const around = parent === null ? undefined : spans[parent];
        const [first, last] = [Math.min(from, to), Math.max(from, to)];
        const isPart = around?.lane === lane;
        const [begin, length] = isPart ? [around.beginMs, around.endMs - around.beginMs] : [0, 100];
        spans.push(
          toSpan(spans.length + 1, {
            lane,
            parentId: isPart ? around.id : null,
            beginMs: begin + first * length,
            endMs: begin + last * length,
          }),
        );
      }
      const { traceEvents } = toTraceFile(spans, {});
      const complete = traceEvents.flatMap((event) => (event.ph === 'X' ? [event] : []));
      const moments = traceEvents.filter(({ ph }) => ph === 'i').length;
      assert.equal(complete.length + moments, spans.length);
      for (const a of complete) {
        assert.ok(Number.isInteger(a.ts) && Number.isInteger(a.dur) && a.dur >= 0);
        for (const b of complete) {
          if (a === b || a.pid !== b.pid || a.tid !== b.tid) continue;
          const apart = a.ts + a.dur <= b.ts || b.ts + b.dur <= a.ts;
          const inside =
            (a.ts <= b.ts && b.ts + b.dur <= a.ts + a.dur) ||
            (b.ts <= a.ts && a.ts + a.dur <= b.ts + b.dur);
          assert.ok(apart || inside, `${a.name} and ${b.name} overlap`);
        }
      }
    }),
  );
});

test('a trace is its file when it is made JSON, with times from its beginning', async () => {
  const trace = createTrace({ originMs: 0, before: [] });
  await trace.run(async () => {});
  assert.deepEqual(JSON.parse(JSON.stringify(trace)).traceEvents, []);
  const before = { name: 'before', lane: 'host', beginMs: 5, endMs: 7, parent: null } as const;
  const later = createTrace({ originMs: 4, before: [before] });
  const [first] = later.spans;
  assert.deepEqual([first?.name, first?.beginMs, first?.endMs], ['before', 1, 3]);
});
