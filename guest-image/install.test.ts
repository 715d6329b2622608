import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { openGuestImage } from '../src/host/images/guest-image.js';
import { hashBytes } from './hash.js';
import { type ImageContents, installImage, pruneImages } from './install.js';

const base = await mkdtemp(path.join(tmpdir(), 'virtc-install-'));
after(() => rm(base, { recursive: true, force: true }));
const directory = path.join(base, 'guest');
const scratch = (): Promise<string> => mkdtemp(path.join(base, '.building-'));

beforeEach(async () => {
  await rm(directory, { recursive: true, force: true });
  await mkdir(path.join(directory, 'parts'), { recursive: true });
  for (const name of ['vmlinux', 'root.erofs', 'preload.so'])
    await writeFile(path.join(directory, 'parts', name), name);
});

function contents(agent: string, kernelParameters: readonly string[] = ['quiet']): ImageContents {
  const part = (name: string) => ({
    name,
    sha512: hashBytes(Buffer.from(name)),
    from: { kind: 'path', path: path.join(directory, 'parts', name) } as const,
  });
  const data = Buffer.from(agent);
  return {
    files: {
      kernel: part('vmlinux'),
      rootImage: part('root.erofs'),
      memoryPreload: part('preload.so'),
      initrd: { name: 'initrd.cpio', sha512: hashBytes(data), from: { kind: 'data', data } },
    },
    versions: { kernel: '6.1' },
    kernelParameters,
  };
}

async function install(agent: string, parameters?: readonly string[]) {
  return installImage(directory, await scratch(), contents(agent, parameters));
}

test('an installed image can be opened, its files readable and not writable, the big ones shared with the parts', async () => {
  const { directory: image, installed } = await install('agent 1');
  assert.equal(installed, true);
  const opened = await openGuestImage({ libRoot: base });
  assert.equal(opened.directory, image);
  assert.equal(await readFile(opened.initrd, 'utf8'), 'agent 1');
  for (const file of [opened.kernel, opened.initrd, opened.rootImage, opened.memoryPreload]) {
    assert.equal((await stat(file)).mode & 0o777, 0o444);
  }
  assert.equal((await stat(image)).mode & 0o777, 0o755);
  const part = await stat(path.join(directory, 'parts/root.erofs'));
  assert.equal((await stat(opened.rootImage)).ino, part.ino);
});

test('the same contents are installed once', async () => {
  const first = await install('agent 1');
  assert.deepEqual(await install('agent 1'), { directory: first.directory, installed: false });
});

test('another agent or other parameters are another image, and become the current one', async () => {
  const first = await install('agent 1');
  const second = await install('agent 2');
  const third = await install('agent 2', ['quiet', 'panic=-1']);
  assert.equal(new Set([first, second, third].map((image) => image.directory)).size, 3);
  assert.equal((await openGuestImage({ libRoot: base })).directory, third.directory);
  await install('agent 1');
  assert.equal((await openGuestImage({ libRoot: base })).directory, first.directory);
});

test('a damaged image is replaced', async () => {
  const { directory: image } = await install('agent 1');
  await rm(path.join(image, 'initrd.cpio'));
  await writeFile(path.join(image, 'initrd.cpio'), 'agent X');
  assert.equal((await install('agent 1')).installed, true);
  assert.equal(await readFile(path.join(image, 'initrd.cpio'), 'utf8'), 'agent 1');
});

test('a changed file is found by its content, also where the manifest agrees with it', async () => {
  const { directory: image } = await install('agent 1');
  await rm(path.join(image, 'initrd.cpio'));
  await writeFile(path.join(image, 'initrd.cpio'), 'agent X');
  const { ino, mtimeNs } = await stat(path.join(image, 'initrd.cpio'), { bigint: true });
  const manifestFile = path.join(image, 'manifest.json');
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8'));
  Object.assign(manifest.files.initrd, { inode: String(ino), mtimeNs: String(mtimeNs) });
  await writeFile(manifestFile, JSON.stringify(manifest));
  assert.equal((await openGuestImage({ libRoot: base })).directory, image);
  assert.equal((await install('agent 1')).installed, true);
  assert.equal(await readFile(path.join(image, 'initrd.cpio'), 'utf8'), 'agent 1');
});

test('a part that was built anew is linked anew', async () => {
  const { directory: image } = await install('agent 1');
  await rm(path.join(directory, 'parts/root.erofs'));
  await writeFile(path.join(directory, 'parts/root.erofs'), 'root.erofs');
  assert.equal((await install('agent 1')).installed, true);
  const part = await stat(path.join(directory, 'parts/root.erofs'));
  assert.equal((await stat(path.join(image, 'root.erofs'))).ino, part.ino);
});

test('old images go, but for the current one, the last three, and what was current a moment ago', async () => {
  const images: string[] = [];
  for (let index = 0; index < 8; index++) images.push((await install(`agent ${index}`)).directory);
  const names = images.map((image) => path.basename(image));
  await pruneImages(directory, await scratch());
  assert.equal((await imagesLeft()).length, 8);

  for (const [index, image] of images.entries()) await utimes(image, index + 1, index + 1);
  await pruneImages(directory, await scratch());
  assert.deepEqual(await imagesLeft(), names.slice(4).sort());
  assert.equal(await readlink(path.join(directory, 'current')), names[7]);
});

test('what is no image is left alone', async () => {
  await install('agent 1');
  await appendFile(path.join(directory, 'lock'), '');
  await pruneImages(directory, await scratch());
  const others = (await readdir(directory)).filter((name) => !/^[0-9a-f]{32}$/.test(name));
  assert.deepEqual(others.sort(), ['current', 'lock', 'parts']);
});

async function imagesLeft(): Promise<string[]> {
  return (await readdir(directory)).filter((name) => /^[0-9a-f]{32}$/.test(name)).sort();
}

test('an image is readable for QEMU’s user, whatever the umask of the setup', async () => {
  const umask = process.umask(0o077);
  try {
    const { directory: installed } = await install('a private agent');
    assert.equal((await stat(installed)).mode & 0o777, 0o755);
    for (const name of ['vmlinux', 'root.erofs', 'initrd.cpio']) {
      assert.equal((await stat(path.join(installed, name))).mode & 0o777, 0o444, name);
    }
  } finally {
    process.umask(umask);
  }
});
