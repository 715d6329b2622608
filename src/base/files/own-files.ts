// Files of ours: written whole or not at all, read only where nobody else can have put them.
import path from 'node:path';
import { errnoOf } from '../errors.js';
import {
  type Files,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from './files.js';

/** Replaces the file `name` of a directory; after a crash at any moment the old or the new one is there, whole. Uses the name `<name>.new`. */
export async function writeOwnFile(
  files: Files,
  file: { readonly directory: string; readonly name: string },
  text: string,
): Promise<void> {
  const target = path.join(file.directory, file.name);
  const temporary = `${target}.new`;
  removeIfThere(files, temporary);
  const fd = files.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      await files.writeFile(fd, text);
      await files.fsync(fd);
    } finally {
      files.closeSync(fd);
    }
    files.renameSync(temporary, target);
  } catch (error) {
    try {
      removeIfThere(files, temporary);
    } catch {
      // The error that led here says more.
    }
    throw error;
  }
  await syncDirectory(files, file.directory);
}

/**
 * Opens a file of ours to be read; neither a link nor a pipe that was put there is followed or waited for.
 * @throws Error that says why it is not read: it belongs to another user, it is too large
 */
export function openOwnFile(files: Files, file: string, maxBytes: number): number {
  const fd = files.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = files.fstatSync(fd);
    const uid = process.geteuid?.();
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.uid !== uid) throw new Error(`it belongs to user ${stat.uid}, not to user ${uid}`);
    if (stat.size > maxBytes) throw new Error(`it has ${stat.size} bytes`);
    return fd;
  } catch (error) {
    files.closeSync(fd);
    throw error;
  }
}

/** Refuses a directory where others could put links in the way of everything that is done there. */
export function requireOwnDirectory(files: Files, directory: string): void {
  const stat = files.lstatSync(directory);
  if (!stat.isDirectory()) throw new Error(`${directory} is no directory`);
  if (stat.uid !== process.geteuid?.()) {
    throw new Error(`${directory} belongs to user ${stat.uid}`);
  }
  if ((stat.mode & 0o022) !== 0) throw new Error(`others than its owner may write to ${directory}`);
}

/** Whether what is open is still what lies there under its name. */
export function isSameFile(files: Files, fd: number, file: string): boolean {
  const mine = files.fstatSync(fd);
  try {
    const there = files.lstatSync(file);
    return there.ino === mine.ino && there.dev === mine.dev;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Makes renames in a directory last. */
export async function syncDirectory(files: Files, directory: string): Promise<void> {
  const fd = files.openSync(directory, O_RDONLY | O_DIRECTORY);
  try {
    await files.fsync(fd);
  } finally {
    files.closeSync(fd);
  }
}

export function removeIfThere(files: Files, file: string): void {
  try {
    files.unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
