// The lock of a directory, which says that its owner lives: an flock that the kernel drops when the owner dies.
import path from 'node:path';
import { errnoOf } from '../errors.js';
import { type Files, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } from './files.js';
import { isSameFile } from './own-files.js';

export const lockName = 'lock';

/*
 * The descriptor is a number and no FileHandle: a handle that is garbage is closed, and the lock with it.
 * Node opens with close-on-exec, so no child of an owner inherits the lock.
 */

/** Makes and takes the lock of a directory that nobody else knows yet. */
export function makeLock(files: Files, directory: string): number {
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  const fd = files.openSync(path.join(directory, lockName), flags, 0o600);
  return lockOrClose(files, fd) ?? fail(directory);
}

/**
 * Takes the lock of a directory whose owner is dead; the file is made if it is missing.
 * @returns null if it is held, `gone` if the directory was removed meanwhile
 */
export function takeLock(files: Files, directory: string): number | null | 'gone' {
  const file = path.join(directory, lockName);
  let fd: number;
  try {
    fd = files.openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'gone';
    throw error;
  }
  const locked = lockOrClose(files, fd);
  if (locked === null) return null;
  // It may be the lock of a directory that was removed, or removed and made anew, since it was opened.
  let isGone = true;
  try {
    isGone = !isSameFile(files, fd, file);
  } finally {
    if (isGone) files.closeSync(fd);
  }
  return isGone ? 'gone' : fd;
}

/** Whether someone holds the lock; a shared lock disturbs neither the owner nor others who ask. */
export function isLocked(files: Files, directory: string): boolean {
  let fd: number;
  try {
    // A pipe that was put there shall not be waited for.
    fd = files.openSync(path.join(directory, lockName), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
  try {
    return !files.tryLock(fd, 'shared');
  } finally {
    files.closeSync(fd);
  }
}

function lockOrClose(files: Files, fd: number): number | null {
  try {
    if (files.tryLock(fd, 'exclusive')) return fd;
  } catch (error) {
    files.closeSync(fd);
    throw error;
  }
  files.closeSync(fd);
  return null;
}

function fail(directory: string): never {
  throw new Error(`another process has locked ${directory}`);
}
