// Descriptors of processes, and those that a process leaves to its children.
import { check, syscall } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const SYS_fcntl = 72;
const SYS_pidfd_open = 434;
const SYS_close_range = 436;

/** A descriptor that names the process `pid`, close-on-exec; the caller closes it. */
export function openProcess(pid: number): number {
  return check(syscall(SYS_pidfd_open, 'int', pid, 'uint', 0), 'pidfd_open', String(pid));
}

/** Sets close-on-exec on every descriptor of the process from 3 on: what its parent left open goes no further. */
export function closeOnExecAll(): void {
  const CLOSE_RANGE_CLOEXEC = 4;
  check(
    syscall(SYS_close_range, 'uint', 3, 'uint', 0xffff_ffff, 'uint', CLOSE_RANGE_CLOEXEC),
    'close_range',
  );
}

/** Another descriptor, close-on-exec, of the same open file; the caller closes it. */
export function duplicateDescriptor(fd: number): number {
  const F_DUPFD_CLOEXEC = 1030;
  return check(syscall(SYS_fcntl, 'int', fd, 'int', F_DUPFD_CLOEXEC, 'int', 0), 'fcntl');
}
