// Pipes, and whether a descriptor takes more.
import { check, declare } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const O_CLOEXEC = 0o2000000;

const pipe2 = declare('int pipe2(void *, int)');
const poll = declare('int poll(void *, unsigned long, int)');

/** A pipe, both ends close-on-exec; the caller closes them. */
export function makePipe(): { readonly readFd: number; readonly writeFd: number } {
  const ends = Buffer.alloc(8);
  check(pipe2(ends, O_CLOEXEC), 'pipe2');
  return { readFd: ends.readInt32LE(0), writeFd: ends.readInt32LE(4) };
}

/** Whether poll(2) says that a write would not wait; false also where the other side is gone. */
export function isWritable(fd: number): boolean {
  const POLLOUT = 4;
  const POLLHUP = 16;
  const request = Buffer.alloc(8);
  request.writeInt32LE(fd, 0);
  request.writeInt16LE(POLLOUT, 4);
  if (check(poll(request, 1, 0), 'poll') === 0) return false;
  return (request.readInt16LE(6) & (POLLOUT | POLLHUP)) === POLLOUT;
}
