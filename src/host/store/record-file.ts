// The record of a pod as a file: written whole or not at all, read with suspicion.
import path from 'node:path';
import { errnoOf, reasonOf, VirtcontainersError } from '../../base/errors.js';
import { printable } from '../../base/untrusted-text.js';
import { parseRecord } from './check-record.js';
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
import type { PodRecord } from './store.js';

export const recordName = 'record.json';
const newRecordName = 'record.json.new';
/** A record of a pod with a thousand containers has about 2 MiB. */
const maxRecordBytes = 16 * 1024 * 1024;
const maxReasonLength = 500;

/** Replaces the record in `directory`; after a crash at any moment the old or the new one is there, whole. */
export async function writeRecord(
  files: Files,
  directory: string,
  record: PodRecord,
): Promise<void> {
  const temporary = path.join(directory, newRecordName);
  removeIfThere(files, temporary);
  const fd = files.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      await files.writeFile(fd, `${JSON.stringify(record)}\n`);
      await files.fsync(fd);
    } finally {
      files.closeSync(fd);
    }
    files.renameSync(temporary, path.join(directory, recordName));
  } catch (error) {
    try {
      removeIfThere(files, temporary);
    } catch {
      // The error that led here says more.
    }
    throw error;
  }
  await syncDirectory(files, directory);
}

/** @throws VirtcontainersError `internal`, naming the file and why it cannot be understood; `details.reason` is `no-record` where there is none */
export function readRecord(files: Files, directory: string, podId: string): PodRecord {
  const file = path.join(directory, recordName);
  try {
    const record = parseRecord(readOwnFile(files, file));
    if (record.config.id === podId) return record;
    throw new Error(`it is of pod ${JSON.stringify(record.config.id)}`);
  } catch (error) {
    const missing = errnoOf(error) === 'ENOENT';
    const reason = missing
      ? 'it does not exist, the pod was never made completely'
      : printable(reasonOf(error), maxReasonLength);
    throw new VirtcontainersError('internal', `cannot load pod ${podId}: ${file}: ${reason}`, {
      cause: error,
      details: { path: file, ...(missing ? { reason: 'no-record' } : {}) },
      hint: 'delete the pod with force to remove it',
    });
  }
}

function readOwnFile(files: Files, file: string): string {
  // Neither a link nor a pipe that was put here shall be read or waited for.
  const fd = files.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = files.fstatSync(fd);
    const uid = process.geteuid?.();
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.uid !== uid) throw new Error(`it belongs to user ${stat.uid}, not to user ${uid}`);
    if (stat.size > maxRecordBytes) throw new Error(`it has ${stat.size} bytes`);
    return files.readFileSync(fd);
  } finally {
    files.closeSync(fd);
  }
}

/** Makes renames in a directory last. */
async function syncDirectory(files: Files, directory: string): Promise<void> {
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
