// Mounts by descriptor: copied, changed and placed without a path that somebody could exchange.
import { check, cString, syscall } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_mount_setattr = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;

export const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
export const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOEXEC = 0x08;
export const MOUNT_ATTR_IDMAP = 0x0010_0000;

/**
 * open_tree(2): with OPEN_TREE_CLONE a detached copy of the mount at `path`; links in `path` are followed.
 * @returns a descriptor with close-on-exec set; the caller closes it
 */
export function openTree(path: string, flags: number): number {
  const all = flags | OPEN_TREE_CLOEXEC;
  return check(
    syscall(SYS_open_tree, 'int', AT_FDCWD, 'str', cString(path), 'uint', all),
    'open_tree',
    path,
  );
}

export interface MountAttributes {
  /** MOUNT_ATTR_ bits to set. */
  readonly set: number;
  readonly clear?: number;
  /** MS_PRIVATE, or 0 to leave it. */
  readonly propagation?: number;
  /** Descriptor of the user namespace whose map MOUNT_ATTR_IDMAP applies. */
  readonly userNamespaceFd?: number;
  readonly recursive?: boolean;
}

/** mount_setattr(2) on the mount that `fd` names. */
export function setMountAttributes(fd: number, attributes: MountAttributes): void {
  const buffer = Buffer.alloc(32);
  buffer.writeBigUInt64LE(BigInt(attributes.set), 0);
  buffer.writeBigUInt64LE(BigInt(attributes.clear ?? 0), 8);
  buffer.writeBigUInt64LE(BigInt(attributes.propagation ?? 0), 16);
  buffer.writeBigUInt64LE(BigInt(attributes.userNamespaceFd ?? 0), 24);
  const flags = AT_EMPTY_PATH | (attributes.recursive === true ? AT_RECURSIVE : 0);
  const size = buffer.length;
  check(
    syscall(
      SYS_mount_setattr,
      'int',
      fd,
      'str',
      '',
      'uint',
      flags,
      'void *',
      buffer,
      'size_t',
      size,
    ),
    'mount_setattr',
  );
}

/** move_mount(2): puts the detached mount `fromFd` on what `toFd` (opened O_PATH) names. */
export function moveMount(fromFd: number, toFd: number): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  check(
    syscall(SYS_move_mount, 'int', fromFd, 'str', '', 'int', toFd, 'str', '', 'uint', flags),
    'move_mount',
  );
}
