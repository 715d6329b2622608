// Removes a directory tree without ever following a link or entering a mount.
import { errnoOf } from '../errors.js';
import {
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '../native/open-beneath.js';
import { type Files, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from './files.js';

/**
 * Removes what the directory `fd` holds, except the names in `keep`. Entries that vanish meanwhile are no error.
 * @throws a system error: `EXDEV` or `EBUSY` where something is mounted
 */
export function removeContents(files: Files, fd: number, keep: readonly string[] = []): void {
  for (const name of files.readdirSync(inDirectory(fd, '.'))) {
    if (!keep.includes(name)) removeEntry(files, fd, name);
  }
}

/** Removes one entry of the directory `fd`, a file, a link or a whole tree. */
export function removeEntry(files: Files, fd: number, name: string): void {
  const path = inDirectory(fd, name);
  try {
    if (!files.lstatSync(path).isDirectory()) {
      files.unlinkSync(path);
      return;
    }
    // Should it have become a link since it was looked at, this refuses it.
    const child = files.openBeneath(fd, name, {
      flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
      resolve: RESOLVE_NO_XDEV | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    });
    try {
      removeContents(files, child);
    } finally {
      files.closeSync(child);
    }
    files.rmdirSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** A path of an entry that stays right whatever happens to the names above the directory. */
export function inDirectory(fd: number, name: string): string {
  return `/proc/self/fd/${fd}/${name}`;
}
