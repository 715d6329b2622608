// Puts mounts into jails and takes them away, from whatever process: by setns in the namespace worker.
import { lstatSync, statSync } from 'node:fs';
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../errors.js';
import { duplicateDescriptor } from '../native/process-descriptors.js';
import { userNamespaceFile } from './launcher.js';
import { namespaceWorker } from './worker-client.js';
import type { AttachRequest, DetachRequest } from './worker-protocol.js';

export { canMapIds, cloneTree } from './clone-tree.js';
export { idmapUserNamespace } from './user-namespace.js';

/**
 * Whether what is attached to this process' jail must have its ids mapped. Its root tells, from its first moment on;
 * the process itself enters its user namespace only a little later.
 * @throws VirtcontainersError `unavailable` where the process has ended
 */
export function needsMappedIds(pid: number): boolean {
  const root = `/proc/${pid}/root`;
  const needs = lstatSync(`${root}${userNamespaceFile}`, { throwIfNoEntry: false }) !== undefined;
  if (!needs && statSync(root, { throwIfNoEntry: false }) === undefined) {
    throw new VirtcontainersError('unavailable', `process ${pid} has ended`);
  }
  return needs;
}

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
    const worker = await namespaceWorker();
    if (request.kind === 'detach') {
      await worker.request(request);
      return;
    }
    // The caller closes its own, whatever the worker may still do with the mount.
    const mountFd = duplicateDescriptor(request.mountFd);
    await worker.request({ ...request, mountFd }, { descriptors: [mountFd] });
  } catch (error) {
    const errno = isVirtcontainersError(error) ? error.details['errno'] : undefined;
    const code = codeOf(error, errno);
    throw new VirtcontainersError(
      code,
      `cannot ${request.kind} mount ${request.root}/${request.path}: ${reasonOf(error)}`,
      { cause: error, details: errno === undefined ? {} : { errno } },
    );
  }
}

function codeOf(error: unknown, errno: unknown): VirtcontainersError['code'] {
  if (errno === 'ELOOP' || errno === 'EXDEV') return 'invalid-argument';
  return isVirtcontainersError(error) ? error.code : 'internal';
}
