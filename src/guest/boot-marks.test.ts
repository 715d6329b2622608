// Tests of the marks that the agent hands out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicMs } from '../base/trace/span.js';
import { bootMarks } from './boot-marks.js';

test('what the first program noted comes first, in milliseconds, then Node and the agent in their order', () => {
  const now = monotonicMs();
  const marks = bootMarks('kernel=812345;modules=900000;init=900001;', {
    loadedMs: now,
    readyMs: now + 1,
  });
  assert.deepEqual(
    marks.map(({ name }) => name),
    ['kernel', 'modules', 'init', 'node-exec', 'node-bootstrap', 'agent-load', 'agent-setup'],
  );
  assert.deepEqual(
    marks.slice(0, 3).map(({ atMs }) => atMs),
    [812.345, 900, 900.001],
  );
  const own = marks.slice(3).map(({ atMs }) => atMs);
  assert.deepEqual(
    own,
    [...own].sort((a, b) => a - b),
  );
  // Node's own times are counted from its start: only on the machine's clock do they compare with the others.
  assert.ok((own[0] ?? 0) > now - performance.now() - 1000 && (own[1] ?? 0) <= now);
});

test('marks that nobody noted, or that are no marks, are not there', () => {
  const agent = { loadedMs: 1, readyMs: 2 };
  for (const noted of [undefined, '', ';;', 'kernel', 'kernel=;=5;K=1;kernel=-1', 'a=1e9']) {
    assert.equal(bootMarks(noted, agent).length, 4, String(noted));
  }
});
