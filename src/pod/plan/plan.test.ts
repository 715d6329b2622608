// Tests of plans: sizes rounded once per pod, what is exported and how it is mounted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ContainerConfig, Resources } from '../../model/container-config.js';
import { planContainer, planPod } from './plan-pod.js';
import { planSize } from './plan-size.js';

const MiB = 1024 * 1024;
const limit = (memoryMiB: number | null, cpus: number | null): Resources => ({
  memoryBytes: memoryMiB === null ? null : memoryMiB * MiB,
  cpus,
  pids: 1,
});

const sizes: readonly [number, number, readonly Resources[], number, number][] = [
  [1, 512, [], 1, 512],
  [1, 192, [], 1, 512],
  [2, 513, [], 2, 640],
  [1, 512, [limit(null, null)], 1, 512],
  [1, 512, [limit(320, null)], 1, 512],
  [1, 512, [limit(321, null)], 1, 640],
  [1, 512, [limit(200, 0.1), limit(200, 0.2)], 1, 640],
  [1, 512, [limit(null, 0.5), limit(null, 0.5)], 1, 512],
  [1, 512, [limit(null, 0.5), limit(null, 0.51)], 2, 512],
  [1, 512, Array.from({ length: 10 }, () => limit(null, 0.1)), 1, 512],
  [4, 2048, [limit(100, 1)], 4, 2048],
  [1, 512, [limit(8192, null)], 1, 8576],
];
for (const [cpus, memoryMiB, containers, wantedCpus, wantedMiB] of sizes) {
  test(`a pod of ${cpus} cpus and ${memoryMiB} MiB with ${containers.length} limits needs ${wantedCpus} and ${wantedMiB}`, () => {
    assert.deepEqual(planSize('cannot plan', { cpus, memoryMiB }, containers), {
      cpus: wantedCpus,
      memoryMiB: wantedMiB,
    });
  });
}

test('a size holds every limit and is made of whole blocks', () => {
  const resources = fc.record({
    memoryBytes: fc.option(fc.integer({ min: 6 * MiB, max: 4096 * MiB })),
    cpus: fc.option(fc.double({ min: 0.01, max: 3, noNaN: true })),
    pids: fc.constant(1),
  });
  fc.assert(
    fc.property(fc.array(resources, { maxLength: 8 }), (containers) => {
      const { cpus, memoryMiB } = planSize('cannot plan', { cpus: 1, memoryMiB: 512 }, containers);
      const bytes = containers.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0);
      const wanted = containers.reduce((sum, container) => sum + (container.cpus ?? 0), 0);
      assert.ok(memoryMiB * MiB >= bytes + (bytes > 0 ? 192 * MiB : 0));
      assert.equal((memoryMiB - 512) % 128, 0);
      assert.ok(cpus >= wanted - 1e-6 && cpus < wanted + 2);
    }),
  );
});

test('what no VM can hold is refused by number', () => {
  assert.throws(
    () => planSize('cannot create container c', { cpus: 1, memoryMiB: 512 }, [limit(70_000, null)]),
    {
      code: 'invalid-argument',
      message:
        "cannot create container c: its pod's VM would need 71424 MiB, it can have at most 65536 MiB",
    },
  );
  assert.throws(
    () => planSize('cannot x', { cpus: 1, memoryMiB: 512 }, [limit(null, 20), limit(null, 20)]),
    {
      code: 'invalid-argument',
    },
  );
});

test('a pod boots in the one shape of every VM and grows to its own', () => {
  const plan = planPod(
    { id: 'p', hostname: 'h', cpus: 2, memoryMiB: 1000, labels: {} },
    { cpus: 2, memoryMiB: 1024 },
  );
  assert.deepEqual(plan, {
    podId: 'p',
    hostname: 'h',
    boot: { cpus: 1, memoryMiB: 512 },
    max: { cpus: 32, memoryMiB: 65536 },
    size: { cpus: 2, memoryMiB: 1024 },
  });
});

const base = (writes: 'host' | 'discard', readOnlyRootfs: boolean): ContainerConfig => ({
  id: 'c',
  rootfs: { kind: 'directory', path: '/root', writes },
  readOnlyRootfs,
  process: { command: ['sh'], env: {}, cwd: '/', user: '0', terminal: null, stdin: false },
  init: false,
  hostname: null,
  mounts: [
    { kind: 'bind', source: '/a', destination: '/data', readOnly: true },
    { kind: 'tmpfs', destination: '/scratch', sizeBytes: null, options: ['noexec'] },
    { kind: 'bind', source: '/b', destination: '/more', readOnly: false },
  ],
  resources: limit(null, null),
  capabilities: [],
  rlimits: [],
  stopSignal: 'SIGTERM',
  labels: {},
});

const roots: readonly ['host' | 'discard', boolean, object, boolean][] = [
  ['discard', false, { readOnly: true, cached: true }, true],
  ['discard', true, { readOnly: true, cached: true }, true],
  ['host', false, { readOnly: false, cached: false }, false],
  ['host', true, { readOnly: true, cached: false }, true],
];
for (const [writes, readOnlyRootfs, flags, discardWrites] of roots) {
  test(`a root with writes ${writes}${readOnlyRootfs ? ', read-only,' : ''} is exported as ${JSON.stringify(flags)}`, () => {
    const plan = planContainer(base(writes, readOnlyRootfs));
    assert.deepEqual(plan.root, { destination: '/', source: '/root', ...flags });
    assert.equal(plan.discardWrites, discardWrites);
  });
}

test('binds are exported uncached, each with its own flag, and mounted by their index', () => {
  const plan = planContainer(base('discard', false));
  assert.deepEqual(plan.exports, [
    { destination: '/data', source: '/a', readOnly: true, cached: false },
    { destination: '/more', source: '/b', readOnly: false, cached: false },
  ]);
  assert.deepEqual(plan.mounts, [
    { kind: 'share', destination: '/data', index: 0, readOnly: true },
    { kind: 'tmpfs', destination: '/scratch', sizeBytes: null, options: ['noexec'] },
    { kind: 'share', destination: '/more', index: 1, readOnly: false },
  ]);
  // A plan is data: it can be printed and read again.
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
});
