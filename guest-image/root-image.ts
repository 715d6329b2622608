// The guest's root file system: Node, koffi, crun, busybox and the init of containers, read-only.
import { chmod, copyFile, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { DebianArchive } from './debian-archive.js';
import { erofsRecipe, makeErofs } from './erofs.js';
import { hashFile } from './hash.js';
import { runProgram } from './run-program.js';

/** What decides about the root part beside Node, crun and koffi; raise the revision when the way of building changes. */
export const rootRecipe = {
  revision: 3,
  packages: ['busybox-static', 'libc6', 'libgcc-s1', 'libstdc++6', 'tini'],
  libraries: [
    'libc.so.6',
    'libdl.so.2',
    'libgcc_s.so.1',
    'libm.so.6',
    'libpthread.so.0',
    'libstdc++.so.6',
  ],
  erofs: erofsRecipe,
  directories: ['dev', 'proc', 'root', 'run', 'sys', 'tmp', 'var', 'usr/bin', 'usr/lib', 'etc'],
  links: { bin: 'usr/bin', sbin: 'usr/bin', lib: 'usr/lib', lib64: 'usr/lib64', 'usr/sbin': 'bin' },
  files: {
    'etc/passwd':
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
    'etc/group': 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n',
    'etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
    // Mount points: what they show is personal to each VM.
    'etc/hostname': '',
    'etc/machine-id': '',
    'etc/resolv.conf': '',
  },
} as const;

/** The version of koffi, and where its native part lies. */
export interface Koffi {
  readonly version: string;
  readonly native: string;
  readonly sha512: string;
}

/** Finds the koffi that the host uses too. */
export async function findKoffi(): Promise<Koffi> {
  const main = createRequire(import.meta.url).resolve('koffi');
  const platform = createRequire(main).resolve('@koromix/koffi-linux-x64');
  const native = path.join(path.dirname(platform), 'linux_x64/koffi.node');
  const description = await readFile(path.join(path.dirname(main), 'package.json'), 'utf8');
  const { version } = JSON.parse(description) as { readonly version: string };
  return { version, native, sha512: await hashFile(native) };
}

export interface RootImageOptions {
  readonly archive: DebianArchive;
  readonly node: string;
  readonly crun: string;
  readonly koffi: Koffi;
  /** An empty directory for what is in between. */
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/** Puts `root.erofs` into `directory`. */
export async function buildRootImage(
  directory: string,
  options: RootImageOptions,
): Promise<Readonly<Record<string, string>>> {
  const { archive, node, crun, koffi, scratch, signal } = options;
  const what = 'cannot build root image';
  const root = path.join(scratch, 'root');
  const debian = path.join(scratch, 'debian');
  for (const name of rootRecipe.directories)
    await mkdir(path.join(root, name), { recursive: true });
  for (const [name, target] of Object.entries(rootRecipe.links))
    await symlink(target, path.join(root, name));
  for (const [name, text] of Object.entries(rootRecipe.files))
    await writeFile(path.join(root, name), text);

  const versions = await archive.unpack(rootRecipe.packages, debian);
  await copyLibraries(debian, root);
  await install(node, path.join(root, 'usr/bin/node'));
  await install(crun, path.join(root, 'usr/bin/crun'));
  // Static: containers that ask for an init see this file alone, without its libraries.
  await install(path.join(debian, 'usr/bin/tini-static'), path.join(root, 'usr/bin/tini'));
  await install(koffi.native, path.join(root, 'usr/lib/koffi.node'));
  await installBusybox(path.join(debian, 'bin/busybox'), path.join(root, 'usr/bin'), signal);
  // Without its cache the loader looks for each library in a dozen directories.
  await runProgram('ldconfig', ['-r', root], { what, signal });
  await rm(path.join(root, 'var/cache'), { recursive: true, force: true });

  const image = path.join(directory, 'root.erofs');
  await makeErofs(image, { root, program: 'usr/bin/node', signal });
  return {
    koffi: koffi.version,
    busybox: versions['busybox-static'] ?? '',
    libc: versions['libc6'] ?? '',
    tini: versions['tini'] ?? '',
  };
}

async function install(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o755);
}

async function copyLibraries(debian: string, root: string): Promise<void> {
  const triplet = 'x86_64-linux-gnu';
  await mkdir(path.join(root, 'usr/lib', triplet), { recursive: true });
  await mkdir(path.join(root, 'usr/lib64'));
  for (const name of rootRecipe.libraries) {
    const target = path.join(root, 'usr/lib', triplet, name);
    // Debian's packages put them into either place.
    const from = [`lib/${triplet}`, `usr/lib/${triplet}`].map((place) =>
      path.join(debian, place, name),
    );
    await cp(from[0] ?? '', target, { dereference: true }).catch(() =>
      cp(from[1] ?? '', target, { dereference: true }),
    );
  }
  const loader = 'ld-linux-x86-64.so.2';
  await cp(path.join(debian, `lib/${triplet}`, loader), path.join(root, 'usr/lib64', loader), {
    dereference: true,
  });
}

/** Installs busybox with a link for each program that it is, but for those that are installed already. */
async function installBusybox(
  busybox: string,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await install(busybox, path.join(directory, 'busybox'));
  const applets = await runProgram(busybox, ['--list'], {
    what: 'cannot list the programs of busybox',
    signal,
  });
  for (const name of applets.split('\n')) {
    if (name === '' || name === 'busybox') continue;
    await symlink('busybox', path.join(directory, name));
  }
}
