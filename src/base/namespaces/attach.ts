// Attaches, detaches and seals mounts in another process' mount namespace, refusing every link on the way.
import { closeSync, openSync, statSync } from 'node:fs';
import path from 'node:path';
import { errnoOf, VirtcontainersError } from '../errors.js';
import { MOUNT_ATTR_RDONLY, moveMount, setMountAttributes } from '../native/detached-mounts.js';
import { MNT_DETACH, UMOUNT_NOFOLLOW, unmount } from '../native/mounts.js';
import {
  O_PATH,
  openBeneath,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../native/open-beneath.js';
import { openProcess } from '../native/process-descriptors.js';
import { CLONE_NEWNS, changeDirectory, setNamespace } from '../native/threads.js';
import type { Home } from './hull.js';
import type { AttachRequest, DetachRequest, SealRequest } from './worker-protocol.js';

const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/** Moves the detached mount to its place. */
export function attachInNamespace(home: Home, request: AttachRequest): null {
  return inNamespaceOf(request.pid, home, () => {
    withBeneath(request.root, request.path, (fd) => moveMount(request.mountFd, fd));
  });
}

/** Removes the mount at its place; one that is not there is no error. */
export function detachInNamespace(home: Home, request: DetachRequest): null {
  const { dir, base } = path.posix.parse(request.path);
  if (['', '.', '..'].includes(base)) {
    throw new VirtcontainersError('invalid-argument', `${request.path} names no mount`);
  }
  return inNamespaceOf(request.pid, home, () => {
    try {
      // By name from inside its parent: a file cannot be a working directory, and the jail's proc knows no thread of ours.
      withBeneath(request.root, dir === '' ? '.' : dir, (fd) => {
        changeDirectory(fd);
        unmount(base, MNT_DETACH | UMOUNT_NOFOLLOW);
      });
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'EINVAL' && errno !== 'ENOENT') throw error;
    }
  });
}

/** Makes the mounts at these absolute paths read-only. */
export function sealInNamespace(home: Home, { pid, paths }: SealRequest): null {
  return inNamespaceOf(pid, home, () => {
    for (const place of paths) {
      withBeneath(place, '.', (fd) => setMountAttributes(fd, { set: MOUNT_ATTR_RDONLY }));
    }
  });
}

function inNamespaceOf(pid: number, home: Home, steps: () => void): null {
  enterMountNamespace(pid);
  try {
    steps();
    return null;
  } finally {
    home.enter();
  }
}

function enterMountNamespace(pid: number): void {
  let processFd: number | undefined;
  try {
    processFd = openProcess(pid);
    // A recycled pid must never make us mount something on the host itself.
    if (statSync(`/proc/${pid}/ns/mnt`).ino === statSync('/proc/thread-self/ns/mnt').ino) {
      throw new VirtcontainersError('invalid-state', `process ${pid} is in no jail`);
    }
    setNamespace(processFd, CLONE_NEWNS);
  } catch (error) {
    // ENOENT: the namespace of a zombie.
    if (!['ESRCH', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
    throw new VirtcontainersError('unavailable', `process ${pid} has ended`);
  } finally {
    if (processFd !== undefined) closeSync(processFd);
  }
}

function withBeneath(root: string, relative: string, use: (fd: number) => void): void {
  const slashFd = openSync('/', O_PATH);
  try {
    const rootFd = openBeneath(slashFd, path.posix.relative('/', root), { flags: O_PATH, resolve });
    try {
      const fd = openBeneath(rootFd, relative, { flags: O_PATH, resolve });
      try {
        use(fd);
      } finally {
        closeSync(fd);
      }
    } finally {
      closeSync(rootFd);
    }
  } finally {
    closeSync(slashFd);
  }
}
