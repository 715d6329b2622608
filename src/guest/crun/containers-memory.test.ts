import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { planSize } from '../../pod/plan/plan-size.js';
import { containersMemoryBytes, limitContainersMemory } from './containers-memory.js';

const MiB = 1024 * 1024;
/** What a kernel that boots with 512 MiB keeps of it before it counts, in MiB: MemTotal was 459548 kB. */
const bootMiB = 64;

test('the limit is the machine’s memory without what the guest needs', () => {
  assert.equal(containersMemoryBytes(448 * MiB), (448 - 96 - 7) * MiB);
});

test('a VM that is planned for limits lets its containers reach them, whatever their size', () => {
  for (const limitMiB of [6, 64, 300, 312, 320, 448, 800, 2000, 8192, 30_000, 60_000]) {
    for (const containers of [1, 3]) {
      const resources = { memoryBytes: limitMiB * MiB, cpus: null, pids: 10 };
      if (limitMiB * containers > 60_000) continue;
      const all = Array.from({ length: containers }, () => resources);
      const { memoryMiB } = planSize('cannot test', { cpus: 1, memoryMiB: 512 }, all);
      const forContainers = containersMemoryBytes((memoryMiB - bootMiB) * MiB) / MiB;
      assert.ok(
        forContainers >= limitMiB * containers,
        `${containers} of ${limitMiB} MiB in ${memoryMiB} MiB: only ${forContainers}`,
      );
    }
  }
});

test('the limit is written to the group, by what the kernel counts', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-memory-'));
  const meminfo = path.join(folder, 'meminfo');
  writeFileSync(meminfo, 'MemTotal:         524288 kB\nMemFree:          356484 kB\n');
  limitContainersMemory(folder, meminfo);
  assert.equal(readFileSync(path.join(folder, 'memory.max'), 'utf8'), String((512 - 104) * MiB));
  rmSync(folder, { recursive: true });
});
