// Mounts by path, in the calling thread's mount namespace.
import { check, cString, declare, syscall } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const SYS_pivot_root = 155;

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_BIND = 4096;
export const MS_REC = 16384;
export const MS_PRIVATE = 1 << 18;

export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

const libcMount = declare(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)',
);
const umount2 = declare('int umount2(const char *, int)');

export interface MountOptions {
  readonly source: string;
  readonly target: string;
  /** File system type; null for binds, remounts and changes of propagation. */
  readonly type: string | null;
  readonly flags?: number;
  readonly data?: string | null;
}

/** mount(2) in the calling thread's mount namespace. */
export function mount(options: MountOptions): void {
  const { source, target, type, flags = 0, data = null } = options;
  check(libcMount(cString(source), cString(target), type, flags, data), 'mount', target);
}

/** umount2(2). Give UMOUNT_NOFOLLOW where the path may lead through what a guest wrote. */
export function unmount(target: string, flags = 0): void {
  check(umount2(cString(target), flags), 'umount2', target);
}

/** pivot_root(2). */
export function pivotRoot(newRoot: string, putOld: string): void {
  check(
    syscall(SYS_pivot_root, 'str', cString(newRoot), 'str', cString(putOld)),
    'pivot_root',
    newRoot,
  );
}
