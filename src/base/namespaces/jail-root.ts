// Builds a jail's root directory: a small tmpfs with device nodes and read-only binds, in place of the host's root.
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { errnoOf, reasonOf, VirtcontainersError } from '../errors.js';
import {
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  moveMount,
  OPEN_TREE_CLONE,
  openTree,
  setMountAttributes,
} from '../native/detached-mounts.js';
import { makeCharacterDevice } from '../native/device-node.js';
import { MNT_DETACH, MS_NOEXEC, MS_NOSUID, mount, pivotRoot, unmount } from '../native/mounts.js';
import { O_PATH } from '../native/open-beneath.js';
import { changeDirectory } from '../native/threads.js';
import { cloneTree } from './clone-tree.js';
import { type JailDevice, jailUserId } from './jail-spec.js';
import { userNamespaceFile } from './launcher.js';
import { type SystemParts, systemParts } from './system-parts.js';
import type { SpawnRequest } from './worker-protocol.js';

/** A detached mount and the place it gets in the jail. */
interface Part {
  readonly fd: number;
  readonly target: string;
}

/** All that a root is built from, opened while the host's tree is visible. */
export interface RootParts {
  readonly parts: readonly Part[];
  readonly links: SystemParts['links'];
}

const devices: Readonly<
  Record<JailDevice, { major: number; minor: number; mode: number; owner: number }>
> = {
  null: { major: 1, minor: 3, mode: 0o666, owner: 0 },
  urandom: { major: 1, minor: 9, mode: 0o444, owner: 0 },
  kvm: { major: 10, minor: 232, mode: 0o600, owner: jailUserId },
};

/** Opens everything that the jail binds. The thread must be at home. */
export function openRootParts(request: SpawnRequest): RootParts {
  const parts: Part[] = [];
  const system = systemParts(request.program);
  const own = Object.entries(request.links).map(([place, target]) => ({ place, target }));
  const links = [...system.links, ...own];
  try {
    const add = (target: string, open: () => number): void => {
      try {
        parts.push({ fd: open(), target });
      } catch (error) {
        throw bindError(target, error);
      }
    };
    const readOnly = (source: string): void =>
      add(source, () => cloneTree({ ...readOnlyTree, path: source }));
    for (const source of system.binds) readOnly(source);
    for (const source of request.readOnlyPaths) readOnly(source);
    for (const source of request.exports) {
      add(source, () => cloneTree({ ...exportTree, path: source }));
    }
    for (const source of request.writablePaths) {
      add(source, () => {
        chownSync(source, jailUserId, jailUserId);
        return cloneTree({ ...exportTree, path: source, readOnly: false });
      });
    }
    const { userNamespaceFd } = request;
    if (userNamespaceFd !== null) {
      add(userNamespaceFile, () => openTree(`/proc/self/fd/${userNamespaceFd}`, OPEN_TREE_CLONE));
    }
    return { parts, links };
  } catch (error) {
    closeRootParts({ parts, links });
    throw error;
  }
}

const readOnlyTree = { readOnly: true, executable: true, recursive: true, userNamespaceFd: null };
const exportTree = { readOnly: true, executable: false, recursive: false, userNamespaceFd: null };

function bindError(target: string, error: unknown): VirtcontainersError {
  const code = errnoOf(error) === 'ENOENT' ? 'not-found' : 'internal';
  return new VirtcontainersError(
    code,
    `cannot bind ${target} into the jail: ${code === 'not-found' ? 'it does not exist' : reasonOf(error)}`,
    { cause: error },
  );
}

export function closeRootParts({ parts }: RootParts): void {
  for (const { fd } of parts) closeSync(fd);
}

/** Replaces the root of the thread's mount namespace; the thread must be in a hull. */
export function buildRoot(request: SpawnRequest, { parts, links }: RootParts): void {
  const procFd = openTree('/proc', OPEN_TREE_CLONE);
  try {
    pivotToTmpfs();
    for (const { place, target } of links) makeLink(place, target);
    place({ fd: procFd, target: '/proc' });
    makeDirectory('/dev');
    for (const name of request.devices) makeDevice(name);
    // Parents before what lies below them.
    const byDepth = [...parts].sort((a, b) => a.target.length - b.target.length);
    for (const part of byDepth) place(part);
    sealRoot();
  } finally {
    closeSync(procFd);
  }
}

// On top of the hull's proc, which is known to exist and has just been cloned.
function pivotToTmpfs(): void {
  const flags = MS_NOSUID | MS_NOEXEC;
  mount({
    source: 'virtcontainers',
    target: '/proc',
    type: 'tmpfs',
    flags,
    data: 'mode=0755,size=1m',
  });
  const rootFd = openSync('/proc', O_PATH);
  try {
    changeDirectory(rootFd);
    // pivot_root(2): with both the same, the old root ends up on top of the new one, and is detached from there.
    pivotRoot('.', '.');
    unmount('.', MNT_DETACH);
    changeDirectory(rootFd);
  } finally {
    closeSync(rootFd);
  }
}

function place({ fd, target }: Part): void {
  try {
    if (fstatSync(fd).isDirectory()) makeDirectory(target);
    else makeFile(target);
    const targetFd = openSync(target, O_PATH);
    try {
      moveMount(fd, targetFd);
    } finally {
      closeSync(targetFd);
    }
  } catch (error) {
    throw bindError(target, error);
  }
}

function makeLink(place: string, target: string): void {
  const directory = path.posix.dirname(place);
  makeDirectory(directory);
  symlinkSync(path.posix.relative(directory, path.posix.resolve(directory, target)), place);
}

// The umask is the caller's own, so the mode is set again.
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(path.posix.dirname(directory));
  mkdirSync(directory);
  chmodSync(directory, 0o755);
}

function makeFile(file: string): void {
  if (existsSync(file)) return;
  makeDirectory(path.posix.dirname(file));
  closeSync(openSync(file, 'wx', 0o444));
}

function makeDevice(name: JailDevice): void {
  const device = devices[name];
  const file = `/dev/${name}`;
  makeCharacterDevice(file, device.mode, device);
  chmodSync(file, device.mode);
  chownSync(file, device.owner, device.owner);
}

function sealRoot(): void {
  const fd = openSync('/', O_PATH);
  try {
    setMountAttributes(fd, { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC });
  } finally {
    closeSync(fd);
  }
}
