// Opens the files that a jailed process inherits, so that it can read them and nothing else.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnoOf, reasonOf, VirtcontainersError } from '../errors.js';
import { cloneTree } from './clone-tree.js';

/**
 * Opens a regular file; a link is not followed.
 * @returns a descriptor by which it cannot be opened for writing either, not even by root
 * @throws VirtcontainersError `not-found`, `internal`
 */
export function openInherited(path: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const found = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (fstatSync(found).isFile()) return openReadOnly(`/proc/self/fd/${found}`);
    } finally {
      closeSync(found);
    }
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    throw new VirtcontainersError(
      errno === 'ENOENT' ? 'not-found' : 'internal',
      `cannot open ${path} for the jail: ${reasons[errno] ?? reasonOf(error)}`,
      { cause: error },
    );
  }
  throw new VirtcontainersError('internal', `cannot open ${path} for the jail: it is not a file`);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ELOOP: 'it is a link',
};

// What is open can be opened again by /proc/self/fd, with the rights of the file and of its mount: without a user namespace
// the jailed process is root, for whom only the mount's count. This one is nowhere, and goes with the last descriptor.
function openReadOnly(path: string): number {
  const mounted = cloneTree({
    path,
    ...{ readOnly: true, executable: false, recursive: false, userNamespaceFd: null },
  });
  try {
    return openSync(`/proc/self/fd/${mounted}`, constants.O_RDONLY);
  } finally {
    closeSync(mounted);
  }
}
