// What every file here calls the C library with: declarations, the raw system call, and errors shaped like Node's own.
import { getSystemErrorMap } from 'node:util';
import koffi, { type LibraryHandle } from 'koffi';

let libc: LibraryHandle | undefined;

type ForeignFunction = (...args: readonly unknown[]) => number | bigint;

/**
 * Declares a function of the C library by its prototype. Nothing is loaded before its first call: each declaration
 * costs time, and a start-up snapshot (the guest's agent) cannot hold what is native.
 */
export function declare(prototype: string): ForeignFunction {
  let bound: ForeignFunction | undefined;
  return (...args) => {
    if (bound === undefined) {
      libc ??= koffi.load('libc.so.6');
      bound = libc.func(prototype);
    }
    return bound(...args);
  };
}

/** A system call by its number; each argument follows its type. */
export const syscall = declare('long syscall(long, ...)');

/** Why the last call has failed. */
export const lastErrno = (): number => koffi.errno();

/** Where a buffer's bytes lie, for structures that point to them. */
export const addressOf = (buffer: Uint8Array): bigint => koffi.address(buffer);

/** A failed system call, shaped like Node's own: `code` is the errno's name, `syscall` the call. */
export class SystemError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;

  constructor(name: string, errno: number, subject: string) {
    const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, `error ${errno}`];
    super(`${code}: ${text}, ${name}${subject === '' ? '' : ` '${subject}'`}`);
    this.name = 'SystemError';
    this.errno = errno;
    this.code = code;
    this.syscall = name;
  }
}

/** The result of a call that reports failure by a negative one. */
export function check(result: number | bigint, name: string, subject = ''): number {
  const value = Number(result);
  if (value < 0) throw new SystemError(name, lastErrno(), subject);
  return value;
}

/** For calls that return the errno itself. */
export function checkErrno(result: number | bigint, name: string, subject = ''): void {
  const errno = Number(result);
  if (errno !== 0) throw new SystemError(name, errno, subject);
}

/** C strings end at the first zero byte: a path that holds one would silently name another file. */
export function cString(value: string): string {
  if (value.includes('\0')) throw new TypeError('a path must not contain a zero byte');
  return value;
}
