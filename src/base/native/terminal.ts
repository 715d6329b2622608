// A terminal's size and mode.
import { check, declare } from './libc.js';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const ioctl = declare('int ioctl(int, unsigned long, void *)');

/** Bytes of the kernel's `struct termios` on x86-64: four words of flags, the discipline, 19 control characters. */
const termiosBytes = 36;

/** Sets a terminal's size; `fd` is its master or slave. */
export function setTerminalSize(
  fd: number,
  size: { readonly columns: number; readonly rows: number },
): void {
  const TIOCSWINSZ = 0x5414;
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(Math.min(size.rows, 0xffff), 0);
  winsize.writeUInt16LE(Math.min(size.columns, 0xffff), 2);
  check(ioctl(fd, TIOCSWINSZ, winsize), 'ioctl', 'TIOCSWINSZ');
}

/** The mode of the terminal that `fd` names, as the kernel's `struct termios`. */
export function getTerminalMode(fd: number): Uint8Array {
  const TCGETS = 0x5401;
  const mode = Buffer.alloc(termiosBytes);
  check(ioctl(fd, TCGETS, mode), 'ioctl', 'TCGETS');
  return mode;
}

/** Sets a terminal's mode as `getTerminalMode` gave it. Never waits for output: the other side may have stopped it. */
export function setTerminalMode(fd: number, mode: Uint8Array): void {
  const TCSETS = 0x5402;
  if (mode.length !== termiosBytes) throw new RangeError(`a mode has ${termiosBytes} bytes`);
  check(ioctl(fd, TCSETS, mode), 'ioctl', 'TCSETS');
}
