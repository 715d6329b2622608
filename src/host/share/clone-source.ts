// Turns a source on the host into a detached mount that a VM may have, or says exactly why it cannot.
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from '../../base/deadline.js';
import {
  errnoOf,
  isVirtcontainersError,
  reasonOf,
  VirtcontainersError,
} from '../../base/errors.js';
import { parseMountinfo } from '../../base/mountinfo.js';
import {
  canMapIds,
  cloneTree,
  idmapUserNamespace,
  needsMappedIds,
} from '../../base/namespaces/mounts.js';
import type { MountPointKind } from './share-directory.js';

/** Longest look at a source, in milliseconds: the directory of a dead network file system answers never. */
const lookTimeoutMs = 10_000;

export interface SourceMount {
  /** The caller closes it. */
  readonly mountFd: number;
  readonly kind: MountPointKind;
}

/**
 * A copy of the tree at `source` with all that is mounted below it, as `docker run -v` binds it: nosuid, nodev, noexec on
 * the host's side, private, its ids mapped where the VM's process has a user namespace. What is mounted below later
 * does not appear in it.
 */
export async function cloneSource(options: {
  readonly source: string;
  readonly readOnly: boolean;
  readonly pid: number;
}): Promise<SourceMount> {
  const { source, readOnly, pid } = options;
  const what = `cannot bind ${source}`;
  await checkSource(source, what);
  const userNamespaceFd = needsMappedIds(pid) ? await idmapUserNamespace() : null;
  let mountFd: number;
  try {
    mountFd = cloneTree({
      path: source,
      readOnly,
      executable: false,
      recursive: true,
      userNamespaceFd,
    });
  } catch (error) {
    throw await explain(error, source, userNamespaceFd);
  }
  try {
    // What was opened counts, not what was looked at before.
    return { mountFd, kind: kindOf(fstatSync(mountFd), what) };
  } catch (error) {
    closeSync(mountFd);
    throw error;
  }
}

/** Checks that there is a directory or regular file, without blocking the program on a file system that hangs. */
export async function checkSource(source: string, what: string): Promise<MountPointKind> {
  if (!path.isAbsolute(source)) {
    throw new VirtcontainersError('invalid-argument', `${what}: the path is not absolute`);
  }
  if (source.includes('\0')) {
    throw new VirtcontainersError('invalid-argument', `${what}: the path holds a zero byte`);
  }
  try {
    return kindOf(await waitFor(stat(source), { what, timeoutMs: lookTimeoutMs }), what);
  } catch (error) {
    if (isVirtcontainersError(error)) throw error;
    throw pathError(error, what);
  }
}

function pathError(error: unknown, what: string): VirtcontainersError {
  const missing = ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
  const reason = missing ? 'it does not exist' : reasonOf(error);
  const code = missing ? 'not-found' : 'invalid-argument';
  return new VirtcontainersError(code, `${what}: ${reason}`, { cause: error });
}

function kindOf(
  found: { isDirectory(): boolean; isFile(): boolean },
  what: string,
): MountPointKind {
  if (found.isDirectory()) return 'directory';
  if (found.isFile()) return 'file';
  throw new VirtcontainersError(
    'invalid-argument',
    `${what}: it is neither a directory nor a regular file`,
  );
}

async function explain(
  error: unknown,
  source: string,
  userNamespaceFd: number | null,
): Promise<VirtcontainersError> {
  const what = `cannot bind ${source}`;
  const isOfPath = error instanceof Error && 'syscall' in error && error.syscall === 'open_tree';
  if (isOfPath) return pathError(error, what);
  const culprit =
    userNamespaceFd === null ? undefined : await findUnmappable(source, userNamespaceFd);
  if (culprit === undefined) {
    return new VirtcontainersError('internal', `${what}: ${reasonOf(error)}`, { cause: error });
  }
  const { place, type } = culprit;
  const itself = place === (await realpath(source));
  const reason = itself
    ? `this kernel cannot map the ids of its file system (${type})`
    : `${place} is mounted in it, and this kernel cannot map the ids of that file system (${type})`;
  return new VirtcontainersError('unsupported', `${what}: ${reason}`, {
    cause: error,
    hint: itself
      ? 'copy it to a file system such as ext4, xfs or btrfs'
      : `unmount ${place}, or bind the directories beside it one by one`,
    details: { path: place, fileSystem: type },
  });
}

/** The mount at or below `source` whose file system refuses the map. */
async function findUnmappable(
  source: string,
  userNamespaceFd: number,
): Promise<{ readonly place: string; readonly type: string } | undefined> {
  const top = await realpath(source);
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  const holds = (outer: string, inner: string): boolean =>
    inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
  // Of mounts on the same place the last one is on top.
  const types = new Map(mounts.map(({ mountPoint, type }) => [mountPoint, type]));
  const places = [...types.keys()].sort((a, b) => a.length - b.length);
  const own = places.filter((place) => holds(place, top)).at(-1) ?? '/';
  const below = places.filter((place) => place !== top && holds(top, place));
  const candidates = [
    { place: top, type: types.get(own) ?? 'unknown' },
    ...below.map((place) => ({ place, type: types.get(place) ?? 'unknown' })),
  ];
  return candidates.find(({ place }) => {
    try {
      return !canMapIds(place, userNamespaceFd);
    } catch {
      return false;
    }
  });
}
