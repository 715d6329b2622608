// The machine as a whole: its name, its clock, its random generator.
import { check, declare, syscall } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const SYS_clock_settime = 227;

const sethostname = declare('int sethostname(const char *, size_t)');
const ioctl = declare('int ioctl(int, unsigned long, void *)');

export function setHostname(name: string): void {
  check(sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}

/** Sets the system's real-time clock, in nanoseconds since the epoch. */
export function setClock(timeNs: bigint): void {
  const timespec = Buffer.alloc(16);
  timespec.writeBigInt64LE(timeNs / 1_000_000_000n, 0);
  timespec.writeBigInt64LE(timeNs % 1_000_000_000n, 8);
  check(syscall(SYS_clock_settime, 'int', 0, 'void *', timespec), 'clock_settime');
}

/** Adds bytes to the kernel's random generator, credits them, and reseeds it; `fd` is an open /dev/random. */
export function addEntropy(fd: number, entropy: Uint8Array): void {
  const RNDADDENTROPY = 0x40085203;
  const RNDRESEEDCRNG = 0x5207;
  const request = Buffer.alloc(8 + entropy.length);
  request.writeInt32LE(entropy.length * 8, 0);
  request.writeInt32LE(entropy.length, 4);
  request.set(entropy, 8);
  check(ioctl(fd, RNDADDENTROPY, request), 'ioctl', 'RNDADDENTROPY');
  check(ioctl(fd, RNDRESEEDCRNG, null), 'ioctl', 'RNDRESEEDCRNG');
}
