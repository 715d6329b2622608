// Tests of setups that are killed at random, meet each other or have strange roots: readers never see half an image.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { openGuestImage } from '../src/host/images/guest-image.js';
import { assertNothingHalf, killedAfter, setup } from '../src/testing/small-setup.js';

const base = await mkdtemp(path.join(tmpdir(), 'virtc-concurrent-'));
after(() => rm(base, { recursive: true, force: true }));

test('while setups are killed at random moments a reader finds whole images only, and never none again', async () => {
  const libRoot = path.join(base, 'random');
  const directory = path.join(libRoot, 'guest');
  await mkdir(directory, { recursive: true });
  await setup(directory, '0');
  const first = (await openGuestImage({ libRoot })).id;
  const seen = new Set<string>();
  const delays = Array.from({ length: 6 }, () => Math.round(100 + Math.random() * 500));
  let isOver = false;
  const reading = (async () => {
    for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 1))) {
      seen.add((await openGuestImage({ libRoot })).id);
    }
  })().catch((error: unknown) => error);
  for (const [round, ms] of delays.entries()) await killedAfter(ms, directory, `agent ${round}`);
  const { lines, end } = await setup(directory, '0');
  isOver = true;
  const where = `killed after ${delays.join(', ')} ms`;
  assert.equal(await reading, undefined, where);
  assert.deepEqual([lines.at(-1), end], ['installed', [0, null]], where);
  assert.equal((await openGuestImage({ libRoot })).id, first, where);
  assert.ok(seen.has(first));
  await assertNothingHalf(directory, libRoot);
  const others = (await readdir(directory)).filter((name) => !/^[0-9a-f]{32}$/.test(name));
  assert.deepEqual(others.sort(), ['current', 'lock', 'parts'], where);
});

test('of two setups at once one waits and then finds all that the other has built', async () => {
  const libRoot = path.join(base, 'two');
  const directory = path.join(libRoot, 'guest');
  await mkdir(directory, { recursive: true });
  const both = await Promise.all([setup(directory, '0.5'), setup(directory, '0.5')]);
  for (const { lines, end } of both) {
    assert.deepEqual([lines.at(-1), end], ['installed', [0, null]]);
  }
  const told = both.flatMap(({ lines }) => lines);
  const times = (line: string): number => told.filter((one) => one === line).length;
  assert.deepEqual([times('vmlinux-half'), times('root.erofs-half'), times('wait')], [1, 1, 1]);
  await assertNothingHalf(directory, libRoot);
});

test('a library root may be on another file system than the temporary directory, a link, or have any name', async () => {
  const shm = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const elsewhere = await mkdtemp(path.join(shm, 'virtc-elsewhere-'));
  try {
    const link = path.join(base, 'link');
    await symlink(elsewhere, link);
    const names = ['a b, c=d', 'line\nend', 'ü 😀', '-rf', '%s$(id)`id`', '"quoted" \\'];
    const roots = [
      elsewhere,
      path.join(link, 'below'),
      ...names.map((name) => path.join(base, name)),
    ];
    for (const libRoot of roots) {
      const directory = path.join(libRoot, 'guest');
      await mkdir(directory, { recursive: true });
      const { lines } = await setup(directory, '0');
      assert.equal(lines.at(-1), 'installed', libRoot);
      await openGuestImage({ libRoot });
      await assertNothingHalf(directory, libRoot);
    }
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
});
