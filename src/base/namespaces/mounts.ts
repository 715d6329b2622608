// Puts mounts into jails and takes them away, from whatever process: by setns in the namespace worker.
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../errors.js';
import { namespaceWorker } from './worker-client.js';
import type { AttachRequest, DetachRequest } from './worker-protocol.js';

export { canMapIds, cloneTree } from './clone-tree.js';
export { idmapUserNamespace } from './user-namespace.js';

export interface AttachMountOptions {
  /** A process in the jail. */
  readonly pid: number;
  /** A detached mount, of `cloneTree`; the caller closes it. */
  readonly mountFd: number;
  /** The export's root, as an absolute path without links inside the jail. */
  readonly root: string;
  /** The mount point below it, relative; it exists, and no part of it is a link. */
  readonly path: string;
}

/**
 * Moves a detached mount to its place in a jail.
 * @throws VirtcontainersError `invalid-argument` where the path leads through a link or out of the root (`details.errno`
 * ELOOP or EXDEV), `unavailable` where the process has ended
 */
export function attachMount(options: AttachMountOptions): Promise<void> {
  return carryOut({ kind: 'attach', ...options });
}

export interface DetachMountOptions {
  readonly pid: number;
  readonly root: string;
  readonly path: string;
}

/** Removes a mount, also one that is in use; one that is not there is no error. Throws as `attachMount` does. */
export function detachMount(options: DetachMountOptions): Promise<void> {
  return carryOut({ kind: 'detach', ...options });
}

async function carryOut(request: AttachRequest | DetachRequest): Promise<void> {
  try {
    await (await namespaceWorker()).request(request);
  } catch (error) {
    const errno = isVirtcontainersError(error) ? error.details['errno'] : undefined;
    const code = codeOf(error, errno);
    const reason = code === 'unavailable' ? `process ${request.pid} has ended` : reasonOf(error);
    throw new VirtcontainersError(
      code,
      `cannot ${request.kind} mount ${request.root}/${request.path}: ${reason}`,
      { cause: error, details: errno === undefined ? {} : { errno } },
    );
  }
}

function codeOf(error: unknown, errno: unknown): VirtcontainersError['code'] {
  if (errno === 'ESRCH') return 'unavailable';
  if (errno === 'ELOOP' || errno === 'EXDEV') return 'invalid-argument';
  return isVirtcontainersError(error) ? error.code : 'internal';
}
