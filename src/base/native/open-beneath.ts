// Opens files without leaving a directory.
import { check, cString, syscall } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const SYS_openat2 = 437;
export const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
/** openat2(2) refuses to cross into another mount, bind mounts of the same file system included. */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

/**
 * openat2(2) below `directoryFd`, which may be relative only.
 * @param resolve RESOLVE_ bits, for example RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
 */
export function openBeneath(
  directoryFd: number,
  path: string,
  options: { flags: number; resolve: number; mode?: number },
): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(options.flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(options.mode ?? 0), 8);
  how.writeBigUInt64LE(BigInt(options.resolve), 16);
  return check(
    syscall(
      SYS_openat2,
      'int',
      directoryFd,
      'str',
      cString(path),
      'void *',
      how,
      'size_t',
      how.length,
    ),
    'openat2',
    path,
  );
}
