// Installs a finished image under its hash and makes it the current one.
import {
  chmod,
  link,
  mkdir,
  readdir,
  readlink,
  rename,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { isVirtcontainersError } from '../src/base/errors.js';
import { openGuestImage } from '../src/host/images/guest-image.js';
import {
  type GuestImageFile,
  type GuestImageManifest,
  type GuestImageRole,
  guestImageFormat,
  guestImageRoles,
} from '../src/model/guest-image.js';
import { discard, discardOldest } from './discard.js';
import { hashData, hashFile } from './hash.js';

/** Older images kept beside the current one. */
const keptImages = 3;
/** An image that was current within this time may be about to be booted, and is kept. */
const keptForMs = 60 * 60 * 1000;

/** One file of an image: where it lies, linked into the image, or what it holds. */
export interface ImageFile {
  readonly name: string;
  readonly sha512: string;
  readonly from:
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'data'; readonly data: Uint8Array };
}

export interface ImageContents {
  readonly files: Readonly<Record<GuestImageRole, ImageFile>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly kernelParameters: readonly string[];
}

/** Installs an image below `directory` unless it is there and whole. @returns its path and whether it is new */
export async function installImage(
  directory: string,
  scratch: string,
  contents: ImageContents,
): Promise<{ readonly directory: string; readonly installed: boolean }> {
  const hashes = guestImageRoles.map((role) => contents.files[role].sha512);
  const id = hashData([guestImageFormat, hashes, contents.kernelParameters]);
  const target = path.join(directory, id);
  const whole = await isWhole(target, contents);
  if (!whole) {
    const unfinished = path.join(scratch, 'image');
    await writeImage(unfinished, id, contents);
    await discard(target, scratch);
    await rename(unfinished, target);
  }
  await switchCurrent(directory, scratch, id);
  return { directory: target, installed: !whole };
}

/** Removes images that have long been replaced. Running VMs are not disturbed: they have their files open. */
export async function pruneImages(directory: string, scratch: string): Promise<void> {
  const current = await readlink(path.join(directory, 'current'));
  const others = (await readdir(directory)).filter(
    (name) => /^[0-9a-f]{32}$/.test(name) && name !== current,
  );
  await discardOldest(others, { directory, scratch, keep: keptImages, keptForMs });
}

async function writeImage(unfinished: string, id: string, contents: ImageContents): Promise<void> {
  await mkdir(unfinished);
  // The umask is the caller's own, and QEMU's user another one.
  await chmod(unfinished, 0o755);
  const files: Partial<Record<GuestImageRole, GuestImageFile>> = {};
  for (const role of guestImageRoles) {
    const { name, sha512, from } = contents.files[role];
    const file = path.join(unfinished, name);
    if (from.kind === 'path') await link(from.path, file);
    else await writeFile(file, from.data);
    // QEMU reads them as an unprivileged user, and nobody has a reason to write.
    await chmod(file, 0o444);
    const { size, ino, mtimeNs } = await stat(file, { bigint: true });
    files[role] = {
      name,
      sha512,
      sizeBytes: Number(size),
      inode: String(ino),
      mtimeNs: String(mtimeNs),
    };
  }
  const manifest = {
    format: guestImageFormat,
    id,
    architecture: 'x86_64',
    versions: contents.versions,
    kernelParameters: contents.kernelParameters,
    files,
  } satisfies Omit<GuestImageManifest, 'files'> & { files: typeof files };
  await writeFile(
    path.join(unfinished, 'manifest.json'),
    `${JSON.stringify(manifest, null, 2)}\n`,
    { mode: 0o444 },
  );
}

/** Whether an image of that hash is there and whole: made of the very files of the parts, which were hashed already. */
async function isWhole(target: string, contents: ImageContents): Promise<boolean> {
  try {
    await openGuestImage({ libRoot: target, path: target });
    for (const role of guestImageRoles) {
      const { name, sha512, from } = contents.files[role];
      const file = path.join(target, name);
      const same =
        from.kind === 'path'
          ? (await stat(file)).ino === (await stat(from.path)).ino
          : (await hashFile(file)) === sha512;
      if (!same) return false;
    }
    return true;
  } catch (error) {
    if (isVirtcontainersError(error)) return false;
    throw error;
  }
}

async function switchCurrent(directory: string, scratch: string, id: string): Promise<void> {
  const current = path.join(directory, 'current');
  const before = await readlink(current).catch(() => null);
  if (before === id) return;
  // The age of an image counts from when it was replaced.
  const now = new Date();
  if (before !== null) await utimes(path.join(directory, before), now, now).catch(() => {});
  const fresh = path.join(scratch, 'current');
  await symlink(id, fresh);
  await rename(fresh, current);
}
