// Opens paths inside a container's root: its links, which the container makes as it likes, never lead out of it.
import { closeSync, constants, fstatSync, mkdirSync, readSync } from 'node:fs';
import { errnoOf } from '../../base/errors.js';
import {
  O_PATH,
  openBeneath,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from '../../base/native/open-beneath.js';

/** Opens a path as a process whose root is `rootFd` would see it; the caller closes the descriptor. */
export function openInRoot(rootFd: number, path: string, flags: number): number {
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (let tries = 16; ; tries--) {
    try {
      return openBeneath(rootFd, path, { flags, resolve });
    } catch (error) {
      // The kernel says so where a rename elsewhere may have interfered with a `..`.
      if (errnoOf(error) !== 'EAGAIN' || tries === 0) throw error;
    }
  }
}

/** Opens a path in the root for `use` and closes it after that. */
export function withPath<T>(
  root: { readonly fd: number; readonly path: string; readonly flags: number },
  use: (fd: number) => T,
): T {
  const fd = openInRoot(root.fd, root.path, root.flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Whether an error says that a path leads nowhere. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '');
}

/** Whether a path is a directory in the root. */
export function isDirectory(rootFd: number, path: string): boolean {
  try {
    return withPath({ fd: rootFd, path, flags: O_PATH | constants.O_DIRECTORY }, () => true);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Makes a directory and the missing ones above it. */
export function makeDirectories(rootFd: number, path: string): void {
  if (isDirectory(rootFd, path)) return;
  let parent = '/';
  for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
    const child = `${parent}${name}/`;
    if (!isDirectory(rootFd, child)) {
      withPath({ fd: rootFd, path: parent, flags: O_PATH | constants.O_DIRECTORY }, (fd) =>
        mkdirSync(`/proc/self/fd/${fd}/${name}`, { mode: 0o755 }),
      );
    }
    parent = child;
  }
}

/** The beginning of a regular file in the root, at most `maxBytes`; null where there is none. */
export function readInRoot(rootFd: number, path: string, maxBytes: number): Buffer | null {
  // Not waiting: what lies there may be a fifo.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return withPath({ fd: rootFd, path, flags }, (fd) => readStart(fd, maxBytes));
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === 'ENXIO') return null;
    throw error;
  }
}

function readStart(fd: number, maxBytes: number): Buffer | null {
  const stat = fstatSync(fd);
  if (!stat.isFile()) return null;
  const buffer = Buffer.alloc(Math.min(stat.size, maxBytes));
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, length);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}
