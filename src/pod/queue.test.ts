// Tests of the queue: order, giving up, and what yields to whom.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../base/deadline.js';
import { abortError } from '../base/errors.js';
import { Queue } from './queue.js';

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(abortError(signal, 'cannot work'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

test('operations run one after another, also after one has failed', async () => {
  const queue = new Queue();
  const order: string[] = [];
  const step = (name: string, fails = false) =>
    queue.run({ what: name }, async () => {
      order.push(`${name} begins`);
      await sleep(1);
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const results = await Promise.allSettled([step('a'), step('b', true), step('c')]);
  assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test('whoever gives up waiting rejects at once, and those behind him keep their order', async () => {
  const queue = new Queue();
  let open = (): void => {};
  const first = queue.run(
    { what: 'first' },
    () => new Promise<void>((resolve) => (open = resolve)),
  );
  const controller = new AbortController();
  let ran = false;
  const second = queue.run({ what: 'cannot wait', signal: controller.signal }, async () => {
    ran = true;
  });
  let thirdRan = false;
  const third = queue.run({ what: 'third' }, async () => {
    thirdRan = true;
  });
  controller.abort('enough');
  await assert.rejects(second, { name: 'AbortError', cause: 'enough' });
  await sleep(1);
  assert.equal(thirdRan, false);
  open();
  await Promise.all([first, third]);
  assert.deepEqual([ran, thirdRan], [false, true]);
});

test('work sees the signal of its caller, and an aborted caller never begins', async () => {
  const queue = new Queue();
  const controller = new AbortController();
  const work = queue.run({ what: 'cannot work', signal: controller.signal }, untilAborted);
  await sleep(1);
  controller.abort('stop it');
  await assert.rejects(work, { code: 'cancelled' });
  await assert.rejects(
    queue.run({ what: 'x', signal: controller.signal }, async () => assert.fail()),
    {
      code: 'cancelled',
    },
  );
});

for (const [by, expected] of [
  ['stop', ['interrupted', 'done', 'done']],
  ['delete', ['interrupted', 'interrupted', 'done']],
] as const) {
  test(`a ${by} interrupts what yields to it, and that says why`, async () => {
    const results = await Promise.all(
      (['stop', 'delete', 'nothing'] as const).map(async (yieldsTo) => {
        const queue = new Queue();
        const work = queue.run({ what: 'cannot work', yieldsTo }, (signal) =>
          Promise.race([untilAborted(signal), sleep(20)]),
        );
        queue.interrupt(by, 'the pod is going');
        try {
          await work;
          return 'done';
        } catch (error) {
          assert.equal((error as Error).message, 'cannot work: the pod is going');
          assert.equal((error as { code: string }).code, 'invalid-state');
          return 'interrupted';
        }
      }),
    );
    assert.deepEqual(results, expected);
  });
}

test('an interrupted operation that ends well is left to end well', async () => {
  const queue = new Queue();
  const work = queue.run({ what: 'cannot stop' }, async (signal) => {
    await untilAborted(signal).catch(() => {});
    return 'finished early';
  });
  await sleep(1);
  queue.interrupt('delete', 'hurry');
  assert.equal(await work, 'finished early');
});
