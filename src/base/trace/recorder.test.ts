// Tests of recording spans: what is inside what, also where work runs side by side, and that nothing changes for the work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Recorder, toMeasured } from './recorder.js';
import { monotonicMs, recording, span } from './span.js';

/** `name < parent` of each span, in the order in which they began. */
function tree(recorder: Recorder): readonly string[] {
  return recorder.spans.map(({ name, parentId }) => {
    const parent = recorder.spans.find(({ id }) => id === parentId);
    return parent === undefined ? name : `${name} < ${parent.name}`;
  });
}

test('spans nest as the calls do, also when they run side by side', async () => {
  const recorder = new Recorder(100);
  await recorder.run(() =>
    span('outer', async () => {
      await delay(1);
      await Promise.all([
        span('left', async () => {
          await delay(2);
          await span('left-inner', () => delay(1));
        }),
        span('right', async () => {
          await delay(1);
          span('right-inner', () => 1);
        }),
      ]);
      span('last', () => {});
    }),
  );
  assert.deepEqual([...tree(recorder)].sort(), [
    'last < outer',
    'left < outer',
    'left-inner < left',
    'outer',
    'right < outer',
    'right-inner < right',
  ]);
  for (const { beginMs, endMs, parentId } of recorder.spans) {
    assert.ok(endMs !== null && endMs >= beginMs);
    const parent = recorder.spans.find(({ id }) => id === parentId);
    if (parent === undefined) continue;
    assert.ok(
      parent.beginMs <= beginMs && endMs <= (parent.endMs ?? 0),
      'a child lies in its parent',
    );
  }
});

test('where nobody records, work is called as it is', async () => {
  new Recorder(10);
  const promise = Promise.resolve(7);
  assert.equal(
    span('x', () => promise),
    promise,
  );
  assert.equal(recording(), undefined);
});

test('two recordings at once have each their own', async () => {
  const [one, two] = [new Recorder(10), new Recorder(10)];
  const work = (name: string) => async (): Promise<void> => {
    await delay(1);
    await span(name, () => delay(1));
  };
  await Promise.all([one.run(work('one')), two.run(work('two'))]);
  assert.deepEqual([tree(one), tree(two)], [['one'], ['two']]);
});

test('a failure comes out as it was, and is noted', async () => {
  const recorder = new Recorder(10);
  const failure = new Error('x');
  await recorder.run(async () => {
    await assert.rejects(
      span('later', () => Promise.reject(failure)),
      failure,
    );
    assert.throws(
      () =>
        span('at once', () => {
          throw failure;
        }),
      failure,
    );
    assert.equal(
      span('well', () => 5),
      5,
    );
  });
  assert.deepEqual(
    recorder.spans.map(({ name, failed }) => [name, failed]),
    [
      ['later', true],
      ['at once', true],
      ['well', false],
    ],
  );
});

test('the first spans are kept, the others are counted, and their work is done', () => {
  const recorder = new Recorder(2);
  const done: number[] = [];
  recorder.run(() => {
    for (let index = 0; index < 5; index += 1) span(`s${index}`, () => done.push(index));
  });
  assert.deepEqual(tree(recorder), ['s0', 's1']);
  assert.equal(recorder.dropped, 3);
  assert.deepEqual(done, [0, 1, 2, 3, 4]);
});

test('what was measured elsewhere is put under the span that it is taken over in', () => {
  const worker = new Recorder(10);
  worker.run(() =>
    span('a', () => {
      span('b', () => {});
      recording()?.mark('moment');
    }),
  );
  const measured = toMeasured(worker.spans);
  const recorder = new Recorder(10);
  recorder.run(() => span('here', () => recording()?.adopt(measured)));
  assert.deepEqual(tree(recorder), ['here', 'a < here', 'b < a', 'moment < here']);
});

test('spans of other lanes stand for themselves, and what still goes on is not measured', () => {
  const recorder = new Recorder(10);
  const now = monotonicMs();
  recorder.run(() =>
    span('here', () => {
      const end = recording()?.open('start', 'qemu');
      recording()?.open('run', 'qemu');
      end?.();
      const times = { beginMs: now, endMs: now + 1, parent: null };
      recording()?.adopt([{ name: 'kernel', lane: 'guest-kernel', ...times }]);
    }),
  );
  assert.deepEqual(tree(recorder), ['here', 'start', 'run', 'kernel']);
  const names = toMeasured(recorder.spans).map(({ name }) => name);
  assert.deepEqual(names, ['here', 'start', 'kernel']);
});
