// Tests of bounded waiting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, waitFor } from './deadline.js';

const never = new Promise<never>(() => {});

test('the promise settles the wait', async () => {
  assert.equal(await waitFor(Promise.resolve(3), { what: 'cannot wait', timeoutMs: 1000 }), 3);
  await assert.rejects(waitFor(Promise.reject(new Error('x')), { what: 'cannot wait' }), /x/);
});

test('a wait that is too long rejects with timeout and says what was waited for', async () => {
  await assert.rejects(waitFor(never, { what: 'cannot boot pod a', timeoutMs: 5 }), {
    code: 'timeout',
    message: 'cannot boot pod a: no answer within 5 ms',
  });
});

test('an abort ends the wait at once, also one that came before', async () => {
  const controller = new AbortController();
  const waiting = waitFor(never, { what: 'cannot boot', signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  await assert.rejects(waitFor(never, { what: 'cannot boot', signal: controller.signal }), {
    name: 'AbortError',
  });
});

test('sleep ends by itself or by its signal', async () => {
  await sleep(1);
  await assert.rejects(sleep(60_000, AbortSignal.timeout(5)), { name: 'AbortError' });
  await assert.rejects(sleep(60_000, AbortSignal.abort()), { name: 'AbortError' });
});
