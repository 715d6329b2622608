// Tests of a guest's times as spans of the host's time line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GuestTimes } from '../../host/agent/agent.js';
import { alignClocks } from './guest-clock.js';
import { toBootSpans, toCallSpans } from './guest-spans.js';

const question = { askedMs: 10_000, answeredMs: 10_004, guestAskedMs: 5000, guestAnsweredMs: 5000 };
const clock = alignClocks([question], 4900);
const place = { podId: 'p', clock, beganMs: 4900, nowMs: 10_500 };
const times = (more: Partial<GuestTimes>): GuestTimes => ({
  bootMarks: [],
  spans: [],
  askedMs: 5000,
  answeredMs: 5000,
  dropped: 0,
  ...more,
});

test('the phases of the boot follow each other without a gap, from the moment the VM runs', () => {
  const spans = toBootSpans(
    times({
      bootMarks: [
        { name: 'kernel', atMs: 2000 },
        { name: 'modules', atMs: 2500 },
        { name: 'node-exec', atMs: 3000 },
        { name: 'something-new', atMs: 3100 },
      ],
    }),
    place,
  );
  assert.deepEqual(
    spans.map(({ name, lane, beginMs, endMs }) => [name, lane, beginMs, endMs]),
    [
      ['firmware', 'guest-kernel', 4900, 5002],
      ['kernel', 'guest-kernel', 5002, 7002],
      ['modules', 'guest-kernel', 7002, 7502],
      ['node-exec', 'guest-agent', 7502, 8002],
      ['something-new', 'guest-agent', 8002, 8102],
    ],
  );
  assert.deepEqual(spans[0]?.args, { pod: 'p', clockErrorMs: 2 });
});

test('a guest without phases has none, not even a firmware', () => {
  assert.deepEqual(toBootSpans(times({}), place), []);
});

test('calls keep their nesting and their failure', () => {
  const spans = toCallSpans(
    times({
      spans: [
        { name: 'createContainer', beginMs: 5100, endMs: 5300, parent: null, failed: true },
        { name: 'crun-create', beginMs: 5200, endMs: 5290, parent: 0, failed: false },
      ],
    }),
    place,
  );
  assert.deepEqual(
    spans.map(({ name, beginMs, endMs, parent, failed }) => [name, beginMs, endMs, parent, failed]),
    [
      ['createContainer', 10_102, 10_302, null, true],
      ['crun-create', 10_202, 10_292, 0, false],
    ],
  );
});

test('whatever a guest says, nothing of it lies before its VM or after now', () => {
  const lying = times({
    bootMarks: [
      { name: 'kernel', atMs: 0 },
      { name: 'agent-setup', atMs: 1e12 },
    ],
    spans: [{ name: 'x', beginMs: 0, endMs: 1e12, parent: null, failed: false }],
  });
  const late = { ...place, beganMs: 9000 };
  for (const { beginMs, endMs } of [...toBootSpans(lying, late), ...toCallSpans(lying, late)]) {
    assert.ok(9000 <= beginMs && beginMs <= endMs && endMs <= 10_500, `${beginMs} to ${endMs}`);
  }
});
