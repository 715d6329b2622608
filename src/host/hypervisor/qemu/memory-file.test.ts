// Tests of a template's memory as a file: how it is made, and what a clone's QEMU is told of it.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { VmOrigin, VmPlan } from '../hypervisor.js';
import { makeMemoryFile, memoryEnvironment, memoryLinks } from './memory-file.js';

let directory = '';
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'virtc-memory-'));
});
after(() => rm(directory, { recursive: true, force: true }));

test('it is as large as the memory, takes nothing, and is QEMU’s alone', async () => {
  const file = path.join(directory, 'memory');
  await makeMemoryFile(file, 512);
  const { size, blocks, mode, uid, gid } = await stat(file);
  assert.deepEqual([size, blocks, mode & 0o777], [512 * 1024 * 1024, 0, 0o600]);
  assert.deepEqual([uid, gid], [200_000, 200_000]);
  await rm(file);
});

test('one that is there already is not touched', async () => {
  const file = path.join(directory, 'taken');
  await writeFile(file, 'of somebody else');
  await assert.rejects(makeMemoryFile(file, 512), { code: 'EEXIST' });
  assert.equal(await readFile(file, 'utf8'), 'of somebody else');
  await rm(file);
});

test('one that cannot be made as large as that is removed again', async () => {
  await assert.rejects(makeMemoryFile(path.join(directory, 'memory'), 2 ** 40), {
    code: 'ERR_OUT_OF_RANGE',
  });
  assert.deepEqual(await readdir(directory), []);
});

test('only a clone’s QEMU opens its memory by the library of its image', () => {
  // The linker parts names at spaces and colons.
  const image = { memoryPreload: '/an image: mine/preload.so' };
  const plan = (origin: VmOrigin) => ({ image, origin }) as VmPlan;
  for (const origin of [{ kind: 'boot' }, { kind: 'template', memory: '/t/memory' }] as const) {
    assert.deepEqual([memoryEnvironment(plan(origin)), memoryLinks(plan(origin))], [{}, {}]);
  }
  const template = { memory: '/a b:c/memory', state: '/a b:c/state' };
  const clone = plan({ kind: 'clone', template });
  assert.deepEqual(memoryEnvironment(clone), {
    LD_PRELOAD: '/read-only-memory.so',
    VIRTC_MEMORY_FILE: '/a b:c/memory',
  });
  assert.deepEqual(memoryLinks(clone), {
    '/read-only-memory.so': '/an image: mine/preload.so',
  });
});
