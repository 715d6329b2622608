// Finds the guest image on the host and makes sure that it is whole.
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, reasonOf, VirtcontainersError } from '../../base/errors.js';
import {
  type GuestImage,
  type GuestImageFile,
  type GuestImageRole,
  guestImageRoles,
} from '../../model/guest-image.js';
import { parseManifest } from './parse-manifest.js';

export interface OpenGuestImageOptions {
  /** Where guest images are kept, in its folder `guest`. */
  readonly libRoot: string;
  /** Directory of another image. Default: the current one below `libRoot`. */
  readonly path?: string | undefined;
}

/**
 * Opens a guest image: reads its manifest and compares what the manifest says of the files with the files.
 * @throws VirtcontainersError `not-found` if there is none; `internal`, saying which file and why, if it is damaged;
 *   `unsupported` if another version has made it
 */
export async function openGuestImage(options: OpenGuestImageOptions): Promise<GuestImage> {
  const wanted = options.path ?? path.join(options.libRoot, 'guest/current');
  // The link to the current image may be switched at any time: everything is of the one it names now.
  const directory = await realpath(wanted).catch((error: unknown) => {
    throw missing(wanted, error);
  });
  const text = await readFile(path.join(directory, 'manifest.json'), 'utf8').catch(
    (error: unknown) => {
      throw missing(directory, error);
    },
  );
  const manifest = parseManifest(directory, text);
  // QEMU reads it as an unprivileged user, whatever this process may.
  const { mode } = await stat(directory);
  if ((mode & 0o001) === 0) {
    throw damaged(directory, `its mode is ${octal(mode)}, which keeps QEMU's user out`);
  }
  const entries = await Promise.all(
    guestImageRoles.map(
      async (role) => [role, await checkFile(directory, manifest.files[role])] as const,
    ),
  );
  return {
    id: manifest.id,
    directory,
    kernelParameters: manifest.kernelParameters,
    versions: manifest.versions,
    rootImageBytes: manifest.files.rootImage.sizeBytes,
    ...(Object.fromEntries(entries) as Record<GuestImageRole, string>),
  };
}

function missing(directory: string, error: unknown): VirtcontainersError {
  const code = errnoOf(error);
  const absent = code === 'ENOENT' || code === 'ENOTDIR';
  return new VirtcontainersError(
    absent ? 'not-found' : 'internal',
    `cannot open guest image ${directory}: ${absent ? 'there is none' : reasonOf(error)}`,
    { cause: error, hint: 'run virtc setup' },
  );
}

/** Compares a file with its stamp. Its content was hashed when it was installed: that would take too long at each start. */
async function checkFile(directory: string, file: GuestImageFile): Promise<string> {
  const whole = path.join(directory, file.name);
  const found = await stat(whole, { bigint: true }).catch((error: unknown) => {
    throw damaged(directory, `${file.name}: ${reasonOf(error)}`, error);
  });
  const differences = [
    found.isFile() ? null : 'it is not a regular file',
    (found.mode & 0o004n) === 0n
      ? `its mode is ${octal(Number(found.mode))}, which QEMU's user may not read`
      : null,
    differs('size', String(file.sizeBytes), String(found.size)),
    differs('inode', file.inode, String(found.ino)),
    differs('time of change', file.mtimeNs, String(found.mtimeNs)),
  ].filter((difference) => difference !== null);
  if (differences.length > 0) throw damaged(directory, `${file.name}: ${differences.join(', ')}`);
  return whole;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(3, '0');
}

function differs(what: string, expected: string, found: string): string | null {
  return expected === found ? null : `its ${what} is ${found}, not ${expected}`;
}

function damaged(directory: string, reason: string, cause?: unknown): VirtcontainersError {
  return new VirtcontainersError(
    'internal',
    `cannot open guest image ${directory}: it is damaged: ${reason}`,
    { cause, hint: 'run virtc setup' },
  );
}
