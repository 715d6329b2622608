// The guest's kernel and its modules, from Debian's package, which is unpacked and not installed.
import { copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { VirtcontainersError } from '../src/base/errors.js';
import type { DebianArchive } from './debian-archive.js';
import { runProgram } from './run-program.js';

/** What decides about the kernel part; raise the revision when the way of building changes. */
export const kernelRecipe = {
  revision: 2,
  // The cloud kernel has no 9p.
  package: 'linux-image-amd64',
  // The root image and its file system first: its device takes a moment, in which the others load.
  modules: [
    'virtio_pci',
    'virtio_pmem',
    'nd_pmem',
    'erofs',
    'virtio_console',
    'virtio_rng',
    'virtio_balloon',
    'virtio_net',
    // For disks that are added later.
    'virtio_blk',
    '9p',
    '9pnet_virtio',
    'overlay',
  ],
  // Faster checksums for erofs' superblock alone, and missing on processors without the instruction.
  without: ['crc32c-intel'],
} as const;

export interface KernelOptions {
  readonly archive: DebianArchive;
  /** An empty directory for what is in between. */
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/** Puts `vmlinux`, the modules and the order to load them in (`modules/order`) into `directory`. */
export async function buildKernel(
  directory: string,
  options: KernelOptions,
): Promise<Readonly<Record<string, string>>> {
  const { archive, scratch, signal } = options;
  // The package of that name only depends on the one of the newest version.
  const depends = await archive.field(kernelRecipe.package, 'Depends');
  const name = /linux-image-[^ ,]+/.exec(depends)?.[0];
  if (name === undefined) {
    throw new VirtcontainersError(
      'internal',
      `cannot build guest kernel: ${kernelRecipe.package} depends on no kernel: ${depends}`,
    );
  }
  const versions = await archive.unpack([name], scratch);
  const release = name.slice('linux-image-'.length);
  await extractKernel(
    path.join(scratch, 'boot', `vmlinuz-${release}`),
    path.join(directory, 'vmlinux'),
    options,
  );

  const order = await modulesInOrder(release, scratch, signal);
  await mkdir(path.join(directory, 'modules'));
  for (const file of order) {
    await copyFile(file, path.join(directory, 'modules', path.basename(file)));
  }
  const names = order.map((file) => path.basename(file));
  await writeFile(path.join(directory, 'modules/order'), `${names.join('\n')}\n`);
  return { kernel: versions[name] ?? '', kernelRelease: release };
}

/**
 * Takes the uncompressed kernel out of a bzImage: it boots in half the time, since unpacking it is what takes long
 * where the processor is emulated.
 */
async function extractKernel(
  bzImage: string,
  target: string,
  options: KernelOptions,
): Promise<void> {
  const what = `cannot extract kernel from ${path.basename(bzImage)}`;
  const image = await readFile(bzImage);
  const magic = Buffer.from('fd377a585a00', 'hex');
  const start = image.indexOf(magic);
  if (start < 0) throw new VirtcontainersError('internal', `${what}: it holds no xz stream`);
  const stream = path.join(options.scratch, 'vmlinux.xz');
  await writeFile(stream, image.subarray(start));
  const from = await open(stream, 'r');
  const to = await open(target, 'wx');
  try {
    // After the stream come other parts of the bzImage.
    const args = ['--decompress', '--stdout', '--single-stream'];
    await runProgram('xz', args, { what, stdin: from.fd, stdout: to.fd, signal: options.signal });
  } finally {
    await from.close();
    await to.close();
  }
  const begin = Buffer.alloc(4);
  const check = await open(target, 'r');
  await check.read(begin, 0, 4, 0);
  await check.close();
  if (begin.toString('latin1') !== '\x7fELF') {
    throw new VirtcontainersError('internal', `${what}: what it holds is no ELF file`);
  }
}

/** Absolute paths of the wanted modules and of all they need, each after what it needs. */
async function modulesInOrder(
  release: string,
  root: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const what = `cannot order the modules of kernel ${release}`;
  await runProgram('depmod', ['--basedir', root, release], { what, signal });
  const order: string[] = [];
  for (const module of kernelRecipe.modules) {
    const args = ['--set-version', release, '--dirname', root, '--show-depends', module];
    const text = await runProgram('modprobe', args, { what, signal });
    // Lines are `insmod PATH` or, for what is in the kernel itself, `builtin NAME`.
    for (const line of text.split('\n')) {
      const file = /^insmod (\S+)/.exec(line)?.[1];
      if (file === undefined || order.includes(file)) continue;
      const name = path.basename(file, '.ko');
      if (!(kernelRecipe.without as readonly string[]).includes(name)) order.push(file);
    }
  }
  return order;
}
