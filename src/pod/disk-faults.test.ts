// Lets every file system call of a pod's life fail as on a full, a read-only or an exhausted host, one per run, over real records, locks, shares, logs and cgroups.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, test } from 'node:test';
import { isVirtcontainersError } from '../base/errors.js';
import type { Container, Pod } from '../model/pod.js';
import {
  assertClosed,
  DiskWorld,
  nothingLeft as nothing,
  openDescriptors,
} from '../testing/disk-world.js';
import { noPid } from '../testing/fake-qemu.js';
import { type FaultCode, type FaultSpan, SystemFaults } from '../testing/system-faults.js';

// In memory where there is such a place: a thousand lives wait for no disk.
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

interface Life {
  readonly world: DiskWorld;
  pod: Pod | null;
  container: Container | null;
}

const steps = {
  'create pod p': async (life: Life) => {
    life.pod = await life.world.runtime.createPod({ id: 'p' });
  },
  'create container c': async (life: Life) => {
    const { rootfs } = life.world;
    const mounts = [{ kind: 'bind', source: rootfs, destination: '/data' }] as const;
    const options = { id: 'c', rootfs, mounts, command: ['sleep'] };
    life.container = (await life.pod?.createContainer(options)) ?? null;
  },
  'start container c': async ({ container }: Life) => container?.start(),
  'stop container c': async ({ container }: Life) => container?.stop({ graceMs: 0 }),
  'delete container c': async ({ container }: Life) => container?.delete(),
  'delete pod p': async ({ pod }: Life) => pod?.delete({ force: true }),
} as const;
type Step = keyof typeof steps;
const names = Object.keys(steps) as Step[];

/** Carries out the steps from `first` on; tells at which one it failed. */
async function live(life: Life, first: number): Promise<{ at: number; error: unknown } | null> {
  for (let at = first; at < names.length; at++) {
    try {
      await steps[names[at] ?? assert.fail()](life);
    } catch (error) {
      return { at, error };
    }
  }
  return null;
}

/** What must be there after a step that failed, where undoing could work. */
function assertUndone({ world }: Life, step: Step, where: string): void {
  if (step === 'create pod p') assert.deepEqual(world.left(), nothing, where);
  if (step !== 'create container c') return;
  assert.deepEqual(
    { ...world.left(), cgroups: [] },
    { ...nothing, pods: ['p'], logs: ['p'], qemus: 1 },
  );
}

function assertExplains(error: unknown, step: Step, code: FaultCode, where: string): void {
  assert.ok(isVirtcontainersError(error), `${where}: ${String(error)}`);
  assert.ok(error.message.startsWith(`cannot ${step}: `), `${where}: ${error.message}`);
  assert.ok(error.message.includes(code), `${where}: ${error.message}`);
  const told = `${error.message} ${JSON.stringify(error.details)}`;
  assert.match(told, /\/(run|lib|cgroup|proc)[/']/, `${where}: no path in ${told}`);
}

/** One life in which the n-th call fails; false where there is none. */
async function oneLife(n: number, code: FaultCode, span: FaultSpan): Promise<boolean> {
  const before = openDescriptors();
  const world = new DiskWorld({
    directory: mkdtempSync(path.join(base, 'virtc-disk-')),
    cgroups: span === 'once',
  });
  const faults = new SystemFaults([world.directory, '/virtcontainers', `/proc/${noPid}/`]);
  const life: Life = { world, pod: null, container: null };
  try {
    faults.install();
    faults.arm(n, code, span);
    const failed = await live(life, 0);
    const met = faults.met[n - 1];
    faults.disarm();
    const where = `${span} ${code} at ${met} (call ${n})`;
    if (failed === null) {
      // A pod lives without its bounds, and with a record that the next save brings up to date.
      const isTold = world.logged.some((line) => line.includes(code));
      // What was not removed is removed in another way: nothing is left.
      const isRemoved = /^(rm|rmdir|unlink) /.test(met ?? '') || faults.met.includes(met ?? '', n);
      if (met !== undefined) assert.ok(isTold || isRemoved, `${where} was not told`);
    } else {
      const step = names[failed.at] ?? assert.fail();
      assertExplains(failed.error, step, code, `${where}, ${step}`);
      if (span === 'once') assertUndone(life, step, `${where}, ${step}`);
      // What could not be undone while it lasted is found without its owner.
      else if (step === 'create pod p') await world.runtime.gc();
      const again = await live(life, failed.at);
      assert.equal(again, null, `${where}: ${again?.at}: ${String(again?.error)}`);
    }
    await world.runtime.listPods();
    assert.deepEqual(world.left(), nothing, where);
    await assertClosed(before, where);
    // What lasts is followed until there is a container: later steps only save and remove again.
    if (span === 'lasting' && failed !== null && failed.at > 1) return false;
    return met !== undefined;
  } finally {
    faults.remove();
    world.close();
  }
}

before(async () => {
  // The first one brings the parts of the program in, and what they keep open.
  const world = new DiskWorld();
  await live({ world, pod: null, container: null }, 0);
  world.close();
});

test('a life without a fault opens nothing that stays', async () => {
  assert.equal(await oneLife(Number.MAX_SAFE_INTEGER, 'EIO', 'once'), false);
});

for (const code of ['ENOSPC', 'EROFS', 'EMFILE'] as const) {
  test(`${code} at any step of a pod's life is told with its place, and nothing is left`, async () => {
    let lives = 0;
    while (await oneLife(lives + 1, code, 'once')) lives++;
    assert.ok(lives > 20, `${lives} lives`);
  });

  test(`${code} that lasts from a step of a start on is told with its place, and nothing is left when it is over`, async () => {
    let lives = 0;
    // Every third step: each is a thing of its own above, and neighbours fail alike.
    while (await oneLife(1 + 3 * lives, code, 'lasting')) lives++;
    assert.ok(lives > 4, `${lives} lives`);
  });
}
