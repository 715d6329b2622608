// Tests of what is plugged: sizes and places, and what is said where QEMU refuses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtcontainersError } from '../../../base/errors.js';
import type { VmPlan } from '../hypervisor.js';
import { freeCpuSlots, HotPlug, planDimm } from './hot-plug.js';
import type { QmpClient } from './qmp-client.js';
import { memorySlots } from './vm-shape.js';

test('a module is what is missing, in whole memory blocks', () => {
  const table: readonly (readonly [number, number])[] = [
    [512, 0],
    [1, 0],
    [513, 128],
    [640, 128],
    [641, 256],
    [4096, 3584],
  ];
  for (const [wantedMiB, size] of table) {
    const planned = planDimm({ currentMiB: 512, wantedMiB, maxMiB: 8192, freeSlots: memorySlots });
    assert.equal(planned, size, String(wantedMiB));
  }
});

test('what does not fit is refused with the reason', () => {
  const full = { currentMiB: 512, wantedMiB: 1024, maxMiB: 900, freeSlots: 4 };
  assert.throws(() => planDimm(full), {
    message: 'cannot add 512 MiB of memory: only 384 MiB can be added',
  });
  assert.throws(() => planDimm({ ...full, maxMiB: 8192, freeSlots: 0 }), {
    message: 'cannot add 512 MiB of memory: its memory slots are used up',
  });
});

test('whatever the steps, the slots last until the maximum', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 4096 }), { maxLength: 600 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 512 }), steps, (maxBlocks, increments) => {
      const maxMiB = 512 + maxBlocks * 128;
      let currentMiB = 512;
      let freeSlots = memorySlots;
      for (const increment of increments) {
        const wantedMiB = Math.min(currentMiB + increment, maxMiB);
        const size = planDimm({ currentMiB, wantedMiB, maxMiB, freeSlots });
        assert.ok(currentMiB + size >= wantedMiB && currentMiB + size <= maxMiB);
        currentMiB += size;
        if (size > 0) freeSlots -= 1;
      }
    }),
  );
});

test('free processors come in the order of their place, plugged and malformed ones not at all', () => {
  const type = 'max-x86_64-cpu';
  const place = (core: number) => ({ 'socket-id': 0, 'core-id': core, 'thread-id': 0 });
  const answer = [
    { type, 'vcpus-count': 1, props: place(10) },
    { type, 'vcpus-count': 1, props: place(2) },
    { type, 'vcpus-count': 1, props: place(0), 'qom-path': '/machine/unattached/device[0]' },
    { type, props: { ...place(1), 'node-id': 0, path: 'x,id=y' } },
    { type },
    'x',
    null,
  ];
  assert.deepEqual(freeCpuSlots(answer), [
    { type, props: { 'node-id': 0, ...place(1) } },
    { type, props: place(2) },
    { type, props: place(10) },
  ]);
  for (const nonsense of [null, {}, 'x', 3]) assert.deepEqual(freeCpuSlots(nonsense), []);
});

test('where QEMU refuses a step, its error is told whole, the step named, and what was added before is taken out', async () => {
  const commands: string[] = [];
  const refusal = new VirtcontainersError('unavailable', 'no more of that', {
    hint: 'use less',
    details: { command: 'device_add' },
  });
  const execute = async (name: string): Promise<unknown> => {
    commands.push(name);
    if (name === 'device_add') throw refusal;
    return {};
  };
  const bounds: number[] = [];
  const plan = { podId: 'p', bootCpus: 1, bootMemoryMiB: 512, maxCpus: 4, maxMemoryMiB: 8192 };
  const hotPlug = new HotPlug({ execute } as unknown as QmpClient, plan as VmPlan, (memoryMiB) =>
    bounds.push(memoryMiB),
  );
  await assert.rejects(hotPlug.grow({ cpus: 1, memoryMiB: 1024 }), {
    code: 'unavailable',
    message: 'cannot add 512 MiB of memory to VM p: no more of that',
    hint: 'use less',
    details: { command: 'device_add' },
    cause: refusal,
  });
  assert.deepEqual(commands, ['object-add', 'device_add', 'object-del']);
  assert.deepEqual([bounds, hotPlug.size], [[1024, 512], { cpus: 1, memoryMiB: 512 }]);
});
