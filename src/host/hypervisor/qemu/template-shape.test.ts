// Tests of the hash that says which VMs can be cloned from one template: what it depends on, and what it does not.
import assert from 'node:assert/strict';
import fs, { mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { VmPlan } from '../hypervisor.js';
import { shapeOf } from './template-shape.js';

let directory = '';
let program = '';
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'virtc-shape-'));
  program = path.join(directory, 'qemu');
  await writeFile(program, 'QEMU');
});
after(() => rm(directory, { recursive: true, force: true }));

function planAt(place: string, podId = 'pod'): VmPlan {
  return {
    podId,
    runDirectory: `${place}/run/${podId}`,
    image: {
      id: 'image',
      directory: `${place}/image`,
      kernel: `${place}/image/vmlinux`,
      initrd: `${place}/image/initrd`,
      rootImage: `${place}/image/root`,
      rootImageBytes: 128 * 1024 * 1024,
      memoryPreload: `${place}/image/preload.so`,
      kernelParameters: ['quiet'],
    },
    shares: [
      { tag: 'virtc-ro', directory: `${place}/run/${podId}/share/ro`, readOnly: true },
      { tag: 'virtc-rw', directory: `${place}/run/${podId}/share/rw`, readOnly: false },
    ],
    accelerator: 'auto',
    origin: { kind: 'boot' },
    bootMemoryMiB: 512,
    bootCpus: 1,
    maxMemoryMiB: 8192,
    maxCpus: 4,
  };
}

const plan = planAt('/a');
const shape = (changed: VmPlan = plan, accelerator: 'kvm' | 'tcg' = 'tcg', by = program) =>
  shapeOf(changed, accelerator, by);

test('it is 32 hexadecimal digits, the same each time', async () => {
  assert.match(await shape(), /^[0-9a-f]{32}$/);
  assert.equal(await shape(), await shape());
});

test('pods, places of their things, the origin and how the accelerator was asked for are no part of it', async () => {
  const template = { memory: '/t/memory', state: '/t/state' };
  const equal: Readonly<Record<string, VmPlan>> = {
    'another pod': planAt('/a', 'other'),
    'another place of everything': planAt('/some where,else'),
    'a name that is part of the path': planAt('/image/image'),
    'a template': { ...plan, origin: { kind: 'template', memory: '/t/memory' } },
    'a clone': { ...plan, origin: { kind: 'clone', template } },
    'asked for by name': { ...plan, accelerator: 'tcg' },
  };
  for (const [name, one] of Object.entries(equal)) {
    assert.equal(await shape(one), await shape(), name);
  }
});

test('whatever shapes the machine changes it', async () => {
  const { image, shares } = plan;
  const [share] = shares;
  assert.ok(share);
  const different: Readonly<Record<string, VmPlan>> = {
    'another image': { ...plan, image: { ...image, id: 'other' } },
    'another kernel of the image': { ...plan, image: { ...image, kernel: '/a/image/other' } },
    'other parameters': { ...plan, image: { ...image, kernelParameters: ['quiet', 'x'] } },
    'a larger root': { ...plan, image: { ...image, rootImageBytes: 2 ** 28 } },
    'more memory': { ...plan, bootMemoryMiB: 1024 },
    'more room for memory': { ...plan, maxMemoryMiB: 16_384 },
    'more processors': { ...plan, bootCpus: 2 },
    'more room for processors': { ...plan, maxCpus: 8 },
    'fewer shares': { ...plan, shares: [share] },
    'another tag': { ...plan, shares: [{ ...share, tag: 'x' }, ...shares.slice(1)] },
    'a share that is written': {
      ...plan,
      shares: [{ ...share, readOnly: false }, ...shares.slice(1)],
    },
  };
  const shapes = await Promise.all(
    [plan, ...Object.values(different)].map((changed) => shape(changed)),
  );
  for (const [index, name] of Object.keys(different).entries()) {
    assert.equal(shapes.indexOf(shapes[index + 1] ?? ''), index + 1, name);
  }
  assert.notEqual(await shape(plan, 'kvm'), await shape(plan, 'tcg'));
});

test('a QEMU that was exchanged, updated or moved is another one, and a link to it is not', async () => {
  const first = await shape();
  const link = path.join(directory, 'link');
  await symlink(program, link);
  // Its name is the first argument, of which nothing of the machine depends.
  const linked = await shape(plan, 'tcg', link);
  const later = new Date(Date.now() + 60_000);
  await utimes(program, later, later);
  const touched = await shape();
  assert.notEqual(touched, first, 'another mtime');
  assert.notEqual(await shape(plan, 'tcg', link), linked, 'the one that the link leads to counts');
  await writeFile(program, 'QEMU, longer');
  await utimes(program, later, later);
  const grown = await shape();
  assert.notEqual(grown, touched, 'another size');
  await writeFile(`${program}.new`, 'QEMU, longer');
  await utimes(`${program}.new`, later, later);
  await rename(`${program}.new`, program);
  assert.notEqual(await shape(), grown, 'another file');
});

test('with KVM another kernel of the host is another one, emulated it is the same', async (t) => {
  const [kvm, tcg] = [await shape(plan, 'kvm'), await shape(plan, 'tcg')];
  t.mock.method(os, 'release', () => '6.99.0-other');
  assert.notEqual(await shape(plan, 'kvm'), kvm);
  assert.equal(await shape(plan, 'tcg'), tcg);
});

test('a QEMU on a device that has another number after a reboot is the same', async (t) => {
  const before = await shape();
  const stat = fs.stat.bind(fs);
  t.mock.method(fs, 'stat', async (file: string) => {
    const found = await stat(file, { bigint: true });
    return Object.assign(found, { dev: found.dev + 1n });
  });
  syncBuiltinESMExports();
  try {
    assert.equal(await shape(), before);
  } finally {
    t.mock.reset();
    syncBuiltinESMExports();
  }
});

test('a QEMU that is missing has a shape all the same: its start says what is missing', async () => {
  const missing = await shape(plan, 'tcg', path.join(directory, 'none'));
  assert.match(missing, /^[0-9a-f]{32}$/);
  assert.notEqual(missing, await shape());
});
