// Tests of the wait for a group's end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endsWithin } from './ends-within.js';

const { signal } = new AbortController();

test('it looks at once, and again until the group is empty', async () => {
  assert.equal(await endsWithin({ hasAny: () => false }, 0, signal), true);
  assert.equal(await endsWithin({ hasAny: () => true }, 0, signal), false);
  let looks = 0;
  assert.equal(await endsWithin({ hasAny: () => ++looks < 5 }, 10_000, signal), true);
  assert.equal(looks, 5);
});

test('it gives up after its time, and with its signal', async () => {
  const begun = performance.now();
  assert.equal(await endsWithin({ hasAny: () => true }, 30, signal), false);
  assert.ok(performance.now() - begun >= 29);
  const abort = AbortSignal.timeout(10);
  await assert.rejects(endsWithin({ hasAny: () => true }, 10_000, abort), { name: 'AbortError' });
});
