// Makes device nodes.
import { check, cString, declare } from './libc.js';

const S_IFCHR = 0o020000;

const mknod = declare('int mknod(const char *, uint, unsigned long)');

/** Makes a character device node. */
export function makeCharacterDevice(
  file: string,
  mode: number,
  device: { major: number; minor: number },
): void {
  // The kernel's encoding of a device number as user space passes it.
  const number =
    ((device.major & 0xfff) << 8) | (device.minor & 0xff) | ((device.minor & 0xfff00) << 12);
  check(mknod(cString(file), S_IFCHR | mode, number), 'mknod', file);
}
