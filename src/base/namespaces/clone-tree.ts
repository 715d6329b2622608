// Detached copies of mounts: made where the source is visible, attached later in another mount namespace.
import { closeSync } from 'node:fs';
import {
  AT_RECURSIVE,
  MOUNT_ATTR_IDMAP,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  OPEN_TREE_CLONE,
  openTree,
  setMountAttributes,
} from '../native/detached-mounts.js';
import { MS_PRIVATE } from '../native/mounts.js';

export interface CloneTreeOptions {
  /** Links in it are followed. */
  readonly path: string;
  readonly readOnly: boolean;
  /** Whether programs in it can be executed. */
  readonly executable: boolean;
  /** Whether what is mounted below comes along. */
  readonly recursive: boolean;
  /** Descriptor of the user namespace whose map its ids get; null leaves them. */
  readonly userNamespaceFd: number | null;
}

/**
 * A detached, private, nosuid and nodev copy of the mount at `path`.
 * @returns its descriptor; closing it before it is attached removes the copy
 * @throws SystemError of `open_tree` (the path) or `mount_setattr` (the attributes, above all the map of ids)
 */
export function cloneTree(options: CloneTreeOptions): number {
  const fd = openTree(options.path, OPEN_TREE_CLONE | (options.recursive ? AT_RECURSIVE : 0));
  try {
    setMountAttributes(fd, {
      set:
        MOUNT_ATTR_NOSUID |
        MOUNT_ATTR_NODEV |
        (options.readOnly ? MOUNT_ATTR_RDONLY : 0) |
        (options.executable ? 0 : MOUNT_ATTR_NOEXEC) |
        (options.userNamespaceFd === null ? 0 : MOUNT_ATTR_IDMAP),
      propagation: MS_PRIVATE,
      recursive: options.recursive,
      ...(options.userNamespaceFd === null ? {} : { userNamespaceFd: options.userNamespaceFd }),
    });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Whether the ids of the file system at `path` can be mapped; throws where the path itself cannot be opened. */
export function canMapIds(path: string, userNamespaceFd: number): boolean {
  closeSync(openTree(path, OPEN_TREE_CLONE));
  try {
    closeSync(
      cloneTree({
        path,
        readOnly: true,
        executable: false,
        recursive: false,
        userNamespaceFd,
      }),
    );
    return true;
  } catch {
    return false;
  }
}
