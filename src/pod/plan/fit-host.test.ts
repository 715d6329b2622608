// Tests of how large a VM may be on a host: what is refused, and where the host's number is enough.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtcontainersError } from '../../base/errors.js';
import type { Resources } from '../../model/container-config.js';
import { fitHost } from './fit-host.js';

const host = { cpus: 4, memoryMiB: 8000 };
const limit = (cpus: number | null, memoryMiB: number | null = null): Resources => ({
  memoryBytes: memoryMiB === null ? null : memoryMiB * 1024 * 1024,
  cpus,
  pids: 1,
});

const sizes: readonly [
  pod: readonly [number, number],
  containers: readonly Resources[],
  expected: readonly [number, number],
][] = [
  [[1, 512], [], [1, 512]],
  [[4, 512], [], [4, 512]],
  [[1, 512], [limit(4)], [4, 512]],
  [[1, 512], [limit(0.01)], [1, 512]],
  // Together more than there is: each still has its own limit.
  [
    [1, 512],
    [limit(3), limit(3)],
    [4, 512],
  ],
  [[2, 512], Array.from({ length: 9 }, () => limit(0.5)), [4, 512]],
  [[1, 7936], [], [1, 7936]],
  [
    [1, 512],
    [limit(null, 3000), limit(null, 4000)],
    [1, 7296],
  ],
];
for (const [[cpus, memoryMiB], containers, expected] of sizes) {
  test(`a pod of ${cpus} cpus and ${memoryMiB} MiB with ${JSON.stringify(containers)} gets ${expected}`, () => {
    const size = fitHost('cannot plan', { pod: { cpus, memoryMiB }, containers }, host);
    assert.deepEqual([size.cpus, size.memoryMiB], expected);
  });
}

const refused: readonly [
  pod: readonly [number, number],
  containers: readonly Resources[],
  message: string,
  hint: RegExp,
][] = [
  [[5, 512], [], 'it asks for 5 processors, this host has 4', /4 at the most/],
  [
    [1, 512],
    [limit(1), limit(4.5)],
    'it asks for 4.5 processors, this host has 4',
    /4 at the most/,
  ],
  [
    [1, 60 * 1024],
    [],
    "its pod's VM would need 61440 MiB of memory, this host has 8000 MiB",
    /ask for less/,
  ],
  // 8000 would fit, but not in the blocks in which memory is added.
  [[1, 8000], [], "its pod's VM would need 8064 MiB of memory, this host has 8000 MiB", /less/],
  [
    [1, 512],
    [limit(null, 5000), limit(null, 5000)],
    "its pod's VM would need 10368 MiB of memory, this host has 8000 MiB",
    /limits of all/,
  ],
];
for (const [[cpus, memoryMiB], containers, message, hint] of refused) {
  test(`refused: ${message}`, () => {
    assert.throws(
      () => fitHost('cannot plan', { pod: { cpus, memoryMiB }, containers }, host),
      (error: VirtcontainersError) => {
        assert.deepEqual(
          [error.code, error.message],
          ['invalid-argument', `cannot plan: ${message}`],
        );
        assert.match(error.hint ?? '', hint);
        return true;
      },
    );
  });
}
