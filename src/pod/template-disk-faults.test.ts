// Lets file system calls fail while a template is made and cloned, one per run, over real records, locks, shares and template files.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, test } from 'node:test';
import { isVirtcontainersError } from '../base/errors.js';
import type { Pod } from '../model/pod.js';
import {
  assertClosed,
  DiskWorld,
  nothingLeft as nothing,
  openDescriptors,
} from '../testing/disk-world.js';
import { noPid } from '../testing/fake-qemu.js';
import { type FaultCode, SystemFaults } from '../testing/system-faults.js';

// In memory where there is such a place; its name is short, for the sake of sockets below it.
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

function newWorld(): DiskWorld {
  return new DiskWorld({ directory: mkdtempSync(path.join(base, 'd-')), template: true });
}

/** All that is below the directory of templates, but the files of one that is whole. */
function besideTemplates({ libRoot }: DiskWorld): readonly string[] {
  const root = path.join(libRoot, 'templates');
  if (!existsSync(root)) return [];
  return (readdirSync(root, { recursive: true }) as string[]).filter(
    (name) =>
      !/^[0-9a-f]{32}(\/(lock|manifest\.json|gen-[0-9a-f]+(\/(memory|state))?))?$/.test(name),
  );
}

/** A pod that is cloned from a template made first, while the n-th call fails; false where there is none. */
async function oneLife(n: number, code: FaultCode, span: 'once' | 'lasting'): Promise<boolean> {
  const before = openDescriptors();
  const world = newWorld();
  const faults = new SystemFaults([world.directory, '/virtcontainers', `/proc/${noPid}/`]);
  try {
    faults.install();
    faults.arm(n, code, span);
    let pod: Pod | null = null;
    let failure: unknown;
    try {
      pod = await world.runtime.createPod({ id: 'p' });
    } catch (error) {
      failure = error;
    }
    const met = faults.met[n - 1];
    faults.disarm();
    const where = `${span} ${code} at ${met} (call ${n})`;
    if (pod === null) {
      assert.ok(isVirtcontainersError(failure), `${where}: ${String(failure)}`);
      assert.ok(failure.message.startsWith('cannot create pod p: '), failure.message);
      assert.ok(failure.message.includes(code), `${where}: ${failure.message}`);
      if (span === 'lasting') await world.runtime.gc();
    } else {
      const { origin } = await pod.status();
      const isTold = world.warnings.some(({ message }) => message.includes(code));
      if (origin === 'boot') assert.ok(isTold, `${where}: it boots without a word`);
      await pod.delete({ force: true });
    }
    assert.deepEqual(world.left(), nothing, where);
    // Another process finds nothing in its way.
    world.restart();
    const next = await world.runtime.createPod({ id: 'p' });
    assert.equal((await next.status()).origin, 'clone', where);
    await next.delete({ force: true });
    const listed = await world.runtime.templates.list();
    assert.deepEqual(
      listed.map(({ problem }) => problem),
      [null],
      where,
    );
    assert.deepEqual(besideTemplates(world), [], where);
    assert.deepEqual(world.left(), nothing, where);
    await assertClosed(before, where);
    return met !== undefined;
  } finally {
    faults.remove();
    world.close();
  }
}

before(async () => {
  // The first one brings the parts of the program in, and what they keep open.
  const world = newWorld();
  await (await world.runtime.createPod({ id: 'p' })).delete({ force: true });
  world.close();
});

test('without a fault the pod is a clone, and nothing but its template stays', async () => {
  assert.equal(await oneLife(Number.MAX_SAFE_INTEGER, 'EIO', 'once'), false);
});

for (const [code, step] of [
  ['ENOSPC', 2],
  ['EMFILE', 5],
  ['EIO', 13],
] as const) {
  test(`${code} at a step of a template's making or of its clone costs no more than time`, async () => {
    let lives = 0;
    while (await oneLife(1 + lives * step, code, 'once')) lives++;
    assert.ok(lives > 5, `${lives} lives`);
  });
}

test('ENOSPC that lasts from a step on leaves nothing in the way of those who come when it is over', async () => {
  let lives = 0;
  while (await oneLife(1 + lives * 5, 'ENOSPC', 'lasting')) lives++;
  assert.ok(lives > 4, `${lives} lives`);
});
