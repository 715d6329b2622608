// Tests of the gate between calls and pauses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PauseGate } from './pause-gate.js';

const never = new AbortController().signal;
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const refused = { code: 'invalid-state', hint: 'resume the pod first' };

/** Work that ends when it is told to. */
function work() {
  let end = (): void => {};
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { end, run: () => done };
}

test('what is inside ends first, with all its calls; what comes meanwhile is refused', async () => {
  const gate = new PauseGate();
  const operation = work();
  const inside = gate.enter('cannot a', operation.run);
  let closed = false;
  const closing = gate.close('cannot pause', never).then(() => (closed = true));
  await tick();
  assert.equal(closed, false);
  await assert.rejects(
    gate.enter('cannot b', async () => assert.fail('it ran')),
    { ...refused, message: 'cannot b: the pod is being paused' },
  );
  assert.equal(await gate.pass('cannot c', async () => 'part of it'), 'part of it');
  // Streams still flow: what is inside may wait for them.
  await gate.runs(() => false);
  operation.end();
  await inside;
  await closing;
  await assert.rejects(
    gate.pass('cannot d', async () => assert.fail('it ran')),
    {
      ...refused,
      message: 'cannot d: the pod is paused',
    },
  );
});

test('a call that was made last before a pause is waited for', async () => {
  const gate = new PauseGate();
  const call = work();
  const passing = gate.pass('cannot a', call.run);
  const closing = gate.close('cannot pause', never);
  call.end();
  await passing;
  await closing;
  assert.throws(() => gate.check('cannot b'), refused);
});

test('what may wait goes on when it opens, or when the VM has ended', async () => {
  const gate = new PauseGate();
  await gate.close('cannot pause', never);
  let ended = false;
  const order: string[] = [];
  const waiting = [
    gate.runs(() => ended).then(() => order.push('stream')),
    gate.passLater(
      async () => order.push('later'),
      () => ended,
    ),
  ];
  await tick();
  assert.deepEqual(order, []);
  gate.open();
  await Promise.all(waiting);
  assert.deepEqual(order.sort(), ['later', 'stream']);

  await gate.close('cannot pause', never);
  const orphans = [
    gate.runs(() => ended),
    gate.passLater(
      async () => {},
      () => ended,
    ),
  ];
  ended = true;
  gate.wake();
  await Promise.all(orphans);
});

test('a close that is given up opens again, and so does one that was given up before', async () => {
  const gate = new PauseGate();
  const operation = work();
  const inside = gate.enter('cannot a', operation.run);
  const controller = new AbortController();
  const closing = gate.close('cannot pause', controller.signal);
  controller.abort('no');
  await assert.rejects(closing, { name: 'AbortError', cause: 'no' });
  gate.check('cannot b');
  operation.end();
  await inside;
  await assert.rejects(gate.close('cannot pause', controller.signal), { name: 'AbortError' });
  gate.check('cannot c');
});

test('work that fails has left, too', async () => {
  const gate = new PauseGate();
  await assert.rejects(
    gate.enter('cannot a', () => Promise.reject(new Error('broken'))),
    /broken/,
  );
  await gate.close('cannot pause', never);
});
