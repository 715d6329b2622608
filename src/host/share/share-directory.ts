// The host's side of an export: mount points made and removed, following no link and deleting nothing else.
import { randomInt } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';

export type MountPointKind = 'directory' | 'file';

/** Whether a name is one that `makeMountPoint` gives. */
export const isMountPointName = (name: string): boolean => /^\d+$/.test(name);

/**
 * Makes a fresh mount point and tells its name; names are numbers, so they are never a guest's or a caller's text. None is
 * given twice: a guest remembers what it has seen under a name.
 */
export function makeMountPoint(directory: string, kind: MountPointKind): string {
  const name = String(randomInt(2 ** 47));
  const place = path.join(directory, name);
  // Whatever is mounted on it hides its mode; without a mount it must not be writable.
  if (kind === 'directory') mkdirSync(place, { mode: 0o555 });
  else closeSync(openSync(place, 'wx', 0o444));
  return name;
}

/**
 * Removes a mount point: an empty directory, or a file or link itself. One that is not there is no error.
 * Where the place is a mount in another namespace still, the kernel takes that mount away (Linux 3.18).
 */
export function removeMountPoint(directory: string, name: string): void {
  const place = path.join(directory, name);
  const stat = lstatSync(place, { throwIfNoEntry: false });
  if (stat === undefined) return;
  try {
    if (stat.isDirectory()) rmdirSync(place);
    else if (stat.isFile() && stat.size > 0) throw removeError(place, 'it is a file with content');
    else unlinkSync(place);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return;
    if (errno === 'ENOTEMPTY') throw removeError(place, 'it holds what does not belong there');
    if (errno === 'EBUSY') throw removeError(place, 'something is mounted there');
    throw error;
  }
}

function removeError(place: string, reason: string): VirtcontainersError {
  return new VirtcontainersError('internal', `cannot remove mount point ${place}: ${reason}`);
}

/** Where below a pod's run directory its share lies, and the trees in it. */
export const shareDirectoryName = 'share';
const treeNames = ['ro', 'rw'] as const;

/**
 * Removes a share: mount points, trees, itself. Never recursive, and only what bears our names, because the path may
 * come from a damaged record; safe to repeat.
 */
export function removeShareDirectory(directory: string): void {
  if (!path.isAbsolute(directory) || path.basename(directory) !== shareDirectoryName) {
    const reason = `it is not called ${shareDirectoryName}`;
    throw new VirtcontainersError(
      'invalid-argument',
      `cannot remove share ${directory}: ${reason}`,
    );
  }
  withDirectory(directory, (share) => {
    for (const tree of treeNames) {
      withDirectory(path.join(share, tree), (opened) => {
        for (const name of readdirSync(opened)) {
          if (isMountPointName(name)) removeMountPoint(opened, name);
        }
      });
      removeMountPoint(share, tree);
    }
  });
  removeMountPoint(path.dirname(directory), path.basename(directory));
}

// Works on what was opened, whatever is put in its place meanwhile; a link or file in its place is left alone.
function withDirectory(directory: string, use: (opened: string) => void): void {
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
  let fd: number;
  try {
    fd = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return;
    throw error;
  }
  try {
    use(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}
