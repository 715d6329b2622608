// Tests of a runtime's templates as programs see them: listed, built, removed and pruned.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { defaults } from '../../model/defaults.js';
import { PodWorld } from '../../testing/pod-world.js';

const id = (digit: string): string => digit.repeat(32);
const key = (digit: string) =>
  ({ id: id(digit), guestImage: 'old', accelerator: 'tcg', cpus: 1, memoryMiB: 512 }) as const;
const daysAgo = (days: number): string =>
  new Date(Date.now() - days * 24 * 3_600_000).toISOString();
const MiB = 1024 * 1024;

function world() {
  const made = new PodWorld({ defaults });
  return { world: made, templates: made.runtime.templates };
}

test('a template is built without a pod, told step by step, and found by the next pod', async () => {
  const { world: one, templates } = world();
  const steps: string[] = [];
  const info = await templates.build({
    onProgress: ({ step, phase, podId }) => phase === 'begin' && steps.push(`${podId} ${step}`),
  });
  const name = `template-${info.id.slice(0, 12)}-${one.templates.placeId}`;
  const told = ['vm-spawn', 'vm-boot', 'warm-up', 'save'].map((step) => `${name} ${step}`);
  assert.deepEqual(steps, told);
  assert.deepEqual(
    one.events
      .filter(({ phase }) => phase === 'begin')
      .map(({ podId, step }) => `${podId} ${step}`),
    told,
    'the runtime’s listener, too',
  );
  const { current, guestImage, accelerator, cpus, memoryMiB, qemuVersion, problem } = info;
  assert.deepEqual(
    { current, guestImage, accelerator, cpus, memoryMiB, qemuVersion, problem },
    {
      ...{ current: true, guestImage: 'fake', accelerator: 'tcg', cpus: 1, memoryMiB: 512 },
      ...{ qemuVersion: '0.0.0', problem: null },
    },
  );
  assert.deepEqual(await templates.list(), [info]);
  const pod = await one.runtime.createPod();
  assert.equal((await pod.status()).origin, 'clone');
  assert.equal(one.templates.calls.builds, 1);
  await pod.delete();
  one.assertNothingLeft();
});

test('one that is there is not built again, unless that is asked or it is damaged', async () => {
  const { world: one, templates } = world();
  const first = await templates.build();
  assert.deepEqual((await templates.build()).id, first.id);
  assert.equal(one.templates.calls.builds, 1);
  await templates.build({ rebuild: true });
  assert.equal(one.templates.calls.builds, 2);
  one.templates.damage(first.id, 'cut off');
  assert.equal((await templates.list())[0]?.problem, 'cut off');
  assert.equal((await templates.build()).problem, null);
  assert.equal(one.templates.calls.builds, 3);
  assert.deepEqual(one.warnings, [], 'whoever asks for it is no pod that has to be told');
});

test('where another process builds it, its own is waited for; a rebuild then makes it all the same', async () => {
  for (const rebuild of [false, true]) {
    const { world: one, templates } = world();
    const { id: current } = await templates.build();
    await templates.remove(current);
    const known = { ...key('0'), id: current };
    const builder = one.templates.holdBuild(known);
    const building = templates.build({ rebuild });
    while (one.templates.calls.waitForBuilder === 0) await pause(2);
    one.templates.put(known);
    builder.release();
    await building;
    assert.equal(one.templates.calls.builds, rebuild ? 2 : 1);
  }
});

test('where another process has given up, it is made', async () => {
  const { world: one, templates } = world();
  const { id: current } = await templates.build();
  await templates.remove(current);
  const builder = one.templates.holdBuild({ ...key('0'), id: current });
  const building = templates.build();
  while (one.templates.calls.waitForBuilder === 0) await pause(2);
  builder.release();
  assert.equal((await building).id, current);
  assert.equal(one.templates.calls.builds, 2);
});

test('waiting for another builder ends with the signal', async () => {
  const { world: one, templates } = world();
  const { id: current } = await templates.build();
  const builder = one.templates.holdBuild({ ...key('0'), id: current });
  const controller = new AbortController();
  const building = templates.build({ rebuild: true, signal: controller.signal });
  while (one.templates.calls.waitForBuilder === 0) await pause(2);
  controller.abort('enough');
  await assert.rejects(building, { name: 'AbortError', cause: 'enough' });
  builder.release();
  await assert.rejects(templates.build({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(one.templates.calls.builds, 1);
});

test('the newest is listed first, the damaged too, and which one is current', async () => {
  const { world: one, templates } = world();
  one.templates.put(key('a'), { createdAt: daysAgo(3) });
  one.templates.put(key('b'), { createdAt: null, problem: 'no manifest', qemuVersion: null });
  one.templates.put(key('c'), { createdAt: daysAgo(2) });
  const { id: current } = await templates.build();
  const listed = await templates.list();
  assert.deepEqual(
    listed.map((template) => [template.id, template.current]),
    [
      [current, true],
      [id('c'), false],
      [id('a'), false],
      [id('b'), false],
    ],
  );
  await assert.rejects(templates.list({ signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('without a guest image they are listed, none of them is current, and none can be built', async () => {
  const { world: one, templates } = world();
  await templates.build();
  one.beforeImage = () => Promise.reject(new Error('there is no guest image'));
  assert.deepEqual(
    (await templates.list()).map(({ current }) => current),
    [false],
  );
  await assert.rejects(templates.build(), /there is no guest image/);
});

test('one is removed by the first digits of its id, if they name one', async () => {
  const { world: one, templates } = world();
  one.templates.put({ ...key('a'), id: `ab${'0'.repeat(30)}` });
  one.templates.put({ ...key('a'), id: `ac${'0'.repeat(30)}` });
  await assert.rejects(templates.remove('a'), {
    code: 'invalid-argument',
    message: 'cannot remove template a: 2 templates begin so',
    hint: /more digits/,
  });
  await assert.rejects(templates.remove('f'), {
    code: 'not-found',
    message: 'cannot remove template f: there is none of that id',
  });
  for (const wrong of ['', 'AB', '../..', `${'0'.repeat(33)}`, 7 as never]) {
    await assert.rejects(templates.remove(wrong), { code: 'invalid-argument' });
  }
  await assert.rejects(templates.remove('ab', { signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
  assert.equal(one.templates.ids.length, 2);
  await templates.remove('ab');
  assert.deepEqual(one.templates.ids, [`ac${'0'.repeat(30)}`]);
});

test('one that is being built is not removed', async () => {
  const { world: one, templates } = world();
  one.templates.put(key('a'));
  const builder = one.templates.holdBuild(key('a'));
  await assert.rejects(templates.remove('a'), { code: 'invalid-state' });
  builder.release();
  await templates.remove('a');
  assert.deepEqual(one.templates.ids, []);
});

test('a prune removes what was long unused and what is beyond the size, and never the current one', async () => {
  const { world: one, templates } = world();
  const { id: current } = await templates.build();
  one.templates.put(key('a'), { lastUsedAt: daysAgo(31), sizeBytes: 3 * MiB });
  one.templates.put(key('b'), { lastUsedAt: daysAgo(2), sizeBytes: 5 * MiB });
  one.templates.put(key('c'), { lastUsedAt: daysAgo(1), sizeBytes: 7 * MiB });
  assert.deepEqual(await templates.prune(), {
    removed: [id('a')],
    freedBytes: 3 * MiB,
    failed: [],
  });
  assert.deepEqual(await templates.prune({ maxBytes: '168MiB' }), {
    removed: [id('b')],
    freedBytes: 5 * MiB,
    failed: [],
  });
  assert.deepEqual((await templates.prune({ unusedForMs: 0 })).removed, [id('c')]);
  assert.deepEqual(one.templates.ids, [current]);
  assert.deepEqual((await templates.prune({ all: true })).removed, [current]);
  assert.deepEqual(await templates.prune({ all: true }), {
    removed: [],
    freedBytes: 0,
    failed: [],
  });
});

test('what a prune cannot remove is told, and the rest is removed', async () => {
  const { world: one, templates } = world();
  for (const digit of ['a', 'b', 'c']) one.templates.put(key(digit), { sizeBytes: MiB });
  const builder = one.templates.holdBuild(key('b'));
  assert.deepEqual(await templates.prune({ all: true }), {
    removed: [id('a'), id('c')],
    freedBytes: 2 * MiB,
    failed: [{ id: id('b'), error: `cannot remove template ${id('b')}: it is being built` }],
  });
  builder.release();
});

test('a prune that is given up says what it has done', async () => {
  const { world: one, templates } = world();
  for (const digit of ['a', 'b']) one.templates.put(key(digit), { sizeBytes: MiB });
  const controller = new AbortController();
  const remove = one.templates.remove.bind(one.templates);
  one.templates.remove = async (of) => {
    await remove(of);
    controller.abort();
  };
  await assert.rejects(templates.prune({ all: true, signal: controller.signal }), {
    code: 'cancelled',
    details: { removed: [id('a')], freedBytes: MiB, failed: [] },
  });
  assert.deepEqual(one.templates.ids, [id('b')]);
});
