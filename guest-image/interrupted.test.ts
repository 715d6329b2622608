// Tests that a setup can be killed anywhere: nothing half is ever found under its name, and the next one cleans up.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { processHandle, waitForDeath } from '../src/base/process-handle.js';
import { openGuestImage } from '../src/host/images/guest-image.js';
import { assertNothingHalf, type Point, setup } from '../src/testing/small-setup.js';

const base = await mkdtemp(path.join(tmpdir(), 'virtc-interrupted-'));
after(() => rm(base, { recursive: true, force: true }));

const endBy = { SIGKILL: [null, 'SIGKILL'], SIGINT: [130, null] } as const;

const points: readonly Point[] = [
  { after: 'vmlinux-half', thenMs: 0, seconds: '30' },
  { after: 'vmlinux-half', thenMs: 150, seconds: '30' },
  { after: 'vmlinux-made', thenMs: 0, seconds: '0' },
  { after: 'root.erofs-half', thenMs: 0, seconds: '0' },
  ...[0, 1, 2, 3, 5].map((thenMs) => ({ after: 'root.erofs-made', thenMs, seconds: '0' })),
];

/** Processes that work below a directory. */
async function workersIn(directory: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((_pid, index) => lines[index]?.includes(`${directory}/`));
}

for (const signal of ['SIGKILL', 'SIGINT'] as const) {
  test(`a setup that ${signal} ends anywhere leaves nothing half, and the next one cleans up`, async () => {
    for (const [index, point] of points.entries()) {
      const libRoot = path.join(base, `${signal}-${index}`);
      const directory = path.join(libRoot, 'guest');
      await mkdir(directory, { recursive: true });
      const { end } = await setup(directory, point.seconds, point, signal);
      if (point.seconds !== '0') assert.deepEqual(end, endBy[signal]);
      await assertNothingHalf(directory, libRoot);
      const { lines } = await setup(directory, '0');
      assert.equal(lines.at(-1), 'installed');
      await openGuestImage({ libRoot });
      const names = (await readdir(directory)).filter((name) => !/^[0-9a-f]{32}$/.test(name));
      assert.deepEqual(names.sort(), ['current', 'lock', 'parts']);
      await assertNothingHalf(directory, libRoot);
      for (const pid of await workersIn(directory)) {
        const handle = processHandle(pid);
        assert.ok(handle === null || (await waitForDeath(handle, 5_000)), `${pid} works on`);
      }
    }
  });
}
