// Tests of the closer look at an installed image.
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { hashBytes } from './hash.js';
import { agentArchive } from './initramfs.js';
import { inspectGuestImage } from './inspect.js';
import { installImage } from './install.js';

const libRoot = await mkdtemp(path.join(tmpdir(), 'virtc-inspect-'));
after(() => rm(libRoot, { recursive: true }));
const agentBundle = path.join(libRoot, 'agent.cjs');
await writeFile(agentBundle, 'the agent');
const directory = path.join(libRoot, 'guest');
await mkdir(directory);

const file = (name: string, data: Uint8Array) => ({
  name,
  sha512: hashBytes(data),
  from: { kind: 'data', data } as const,
});
const installed = await installImage(directory, await mkdtemp(path.join(libRoot, 'scratch-')), {
  files: {
    kernel: file('vmlinux', Buffer.from('kernel')),
    rootImage: file('root.erofs', Buffer.from('root')),
    memoryPreload: file('preload.so', Buffer.from('preload')),
    initrd: file(
      'initrd.cpio',
      Buffer.concat([Buffer.from('base'), agentArchive(Buffer.from('the agent'))]),
    ),
  },
  versions: { kernel: '6.1' },
  kernelParameters: [],
});

test('the agent of an image is told from another one, longer or shorter', async () => {
  const { image, hasCurrentAgent } = await inspectGuestImage({ libRoot, agentBundle });
  assert.deepEqual([image.directory, hasCurrentAgent], [installed.directory, true]);
  for (const other of ['The agent', 'agent', 'x'.repeat(10_000)]) {
    const bundle = path.join(libRoot, 'other.cjs');
    await writeFile(bundle, other);
    const { hasCurrentAgent: same } = await inspectGuestImage({ libRoot, agentBundle: bundle });
    assert.equal(same, false, other.slice(0, 20));
  }
});

test('a change that size, inode and time do not show is found', async () => {
  const kernel = path.join(installed.directory, 'vmlinux');
  await chmod(kernel, 0o644);
  await writeFile(kernel, 'Kernel', { flag: 'r+' });
  // Told in the manifest, as nobody can set a time to the nanosecond from here.
  const manifest = path.join(installed.directory, 'manifest.json');
  const told = JSON.parse(await readFile(manifest, 'utf8'));
  told.files.kernel.mtimeNs = String((await stat(kernel, { bigint: true })).mtimeNs);
  await chmod(manifest, 0o644);
  await writeFile(manifest, JSON.stringify(told));
  await assert.rejects(inspectGuestImage({ libRoot, agentBundle }), {
    code: 'internal',
    message: /it is damaged: the content of vmlinux has changed$/,
  });
});
