// Advisory locks on open files.
import { declare, lastErrno, SystemError } from './libc.js';

const flock = declare('int flock(int, int)');

/**
 * Takes or drops an advisory lock on an open file.
 * @returns false if another open file holds it
 */
export function tryLock(fd: number, mode: 'exclusive' | 'shared' | 'unlock'): boolean {
  const LOCK_NB = 4;
  const operation = { shared: 1, exclusive: 2, unlock: 8 }[mode];
  if (flock(fd, operation | LOCK_NB) === 0) return true;
  const errno = lastErrno();
  if (errno === 11) return false;
  throw new SystemError('flock', errno, '');
}
