// A container's root: the host's tree itself, or an overlay over it whose writes end with the container.
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
} from 'node:fs';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import { MNT_DETACH, mount, UMOUNT_NOFOLLOW, unmount } from '../../base/native/mounts.js';
import type { RootFilesystem } from '../../wire/gen/agent_pb.js';
import type { Shares } from './shares.js';

/** Mounts the root of a container below `folder`, which is the container's own. @returns the root's path */
export function mountRootfs(folder: string, root: RootFilesystem, shares: Shares): string {
  const directory = root.kind.case === 'directory' ? root.kind.value : undefined;
  if (directory?.source === undefined) {
    throw new VirtcontainersError('unsupported', 'cannot mount root: its kind is not known');
  }
  const source = shares.resolve(directory.source);
  if (!directory.discardWrites) return source;
  const lowerFd = openSync(source, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { scratch, rootfs } = paths(folder);
    mountScratch(scratch, directory.discardLimitBytes, fstatSync(lowerFd));
    mkdirSync(rootfs);
    const upper = `upperdir=${scratch}/upper,workdir=${scratch}/work`;
    // By descriptor: a path would have to be escaped, and shows in the container's list of mounts.
    const data = `lowerdir=/proc/self/fd/${lowerFd},${upper}`;
    mount({ source: 'overlay', target: rootfs, type: 'overlay', data });
    return rootfs;
  } finally {
    closeSync(lowerFd);
  }
}

/** Takes the mounts away, whichever there are. */
export function unmountRootfs(folder: string): void {
  const { scratch, rootfs } = paths(folder);
  for (const target of [rootfs, scratch]) {
    try {
      unmount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    } catch (error) {
      // EINVAL: nothing is mounted there.
      if (!['EINVAL', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
}

function paths(folder: string): { readonly scratch: string; readonly rootfs: string } {
  return { scratch: `${folder}/scratch`, rootfs: `${folder}/rootfs` };
}

/** The overlay's root has the attributes of its upper directory, so that gets those of the lower one. */
function mountScratch(
  scratch: string,
  limitBytes: bigint,
  root: { readonly mode: number; readonly uid: number; readonly gid: number },
): void {
  mkdirSync(scratch, { mode: 0o700 });
  const size = limitBytes === 0n ? '' : `,size=${limitBytes}`;
  mount({ source: 'tmpfs', target: scratch, type: 'tmpfs', data: `mode=0700${size}` });
  mkdirSync(`${scratch}/work`);
  mkdirSync(`${scratch}/upper`);
  chmodSync(`${scratch}/upper`, root.mode & 0o7777);
  if (root.uid !== 0 || root.gid !== 0) chownSync(`${scratch}/upper`, root.uid, root.gid);
}
