// Pods are root's: whoever is not is told so before anything else.
import { VirtcontainersError } from '../base/errors.js';

/** @throws VirtcontainersError `unsupported` */
export function requireRoot(isRoot: boolean): void {
  if (isRoot) return;
  throw new VirtcontainersError('unsupported', 'cannot use pods: this process is not root', {
    hint: 'run it as root: the jail of a VM is made with namespaces, mounts and another user',
  });
}
