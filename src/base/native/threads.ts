// What a thread can have apart from its process: namespaces, directories, a session keyring.
import { check, cString, declare, lastErrno, SystemError, syscall } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const SYS_keyctl = 250;

export const CLONE_NEWNS = 0x0002_0000;
export const CLONE_FS = 0x0000_0200;
export const CLONE_NEWUTS = 0x0400_0000;
export const CLONE_NEWIPC = 0x0800_0000;
export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWNET = 0x4000_0000;

const libcUnshare = declare('int unshare(int)');
const setns = declare('int setns(int, int)');
const fchdir = declare('int fchdir(int)');
const chroot = declare('int chroot(const char *)');

/** Moves the calling thread (or, for pid namespaces, its children) into new namespaces. */
export function unshare(flags: number): void {
  check(libcUnshare(flags), 'unshare');
}

/**
 * Moves the calling thread into the namespace that `fd` names; `type` 0 accepts any.
 * Where `fd` names a process, `type` holds the CLONE_NEW bits of those of its namespaces that are entered.
 */
export function setNamespace(fd: number, type: number): void {
  check(setns(fd, type), 'setns');
}

/** Changes the calling thread's working directory (it must have unshared CLONE_FS to be alone in that). */
export function changeDirectory(fd: number): void {
  check(fchdir(fd), 'fchdir');
}

/** Makes `path` the calling thread's root directory (it must have unshared CLONE_FS to be alone in that). */
export function changeRoot(path: string): void {
  check(chroot(cString(path)), 'chroot', path);
}

/**
 * Gives the calling thread, and so what it spawns, an empty session keyring instead of the one it came with.
 * @returns its serial number; null where the kernel has no keyrings, or a filter keeps everybody from them
 */
export function joinNewSessionKeyring(): number | null {
  const KEYCTL_JOIN_SESSION_KEYRING = 1;
  const serial = Number(syscall(SYS_keyctl, 'int', KEYCTL_JOIN_SESSION_KEYRING, 'size_t', 0));
  if (serial >= 0) return serial;
  const error = new SystemError('keyctl', lastErrno(), '');
  if (['ENOSYS', 'EPERM', 'EOPNOTSUPP'].includes(error.code)) return null;
  throw error;
}
