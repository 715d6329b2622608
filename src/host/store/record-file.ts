// The record of a pod as a file: written whole or not at all, read with suspicion.
import path from 'node:path';
import { errnoOf, reasonOf, VirtcontainersError } from '../../base/errors.js';
import type { Files } from '../../base/files/files.js';
import { openOwnFile, writeOwnFile } from '../../base/files/own-files.js';
import { printable } from '../../base/untrusted-text.js';
import { parseRecord } from './check-record.js';
import type { PodRecord } from './store.js';

export const recordName = 'record.json';
/** A record of a pod with a thousand containers has about 2 MiB. */
const maxRecordBytes = 16 * 1024 * 1024;
const maxReasonLength = 500;

/** Replaces the record in `directory`; after a crash at any moment the old or the new one is there, whole. */
export function writeRecord(files: Files, directory: string, record: PodRecord): Promise<void> {
  return writeOwnFile(files, { directory, name: recordName }, `${JSON.stringify(record)}\n`);
}

/** @throws VirtcontainersError `internal`, naming the file and why it cannot be understood; `details.reason` is `no-record` where there is none */
export function readRecord(files: Files, directory: string, podId: string): PodRecord {
  const file = path.join(directory, recordName);
  try {
    const record = parseRecord(readOwnText(files, file));
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

function readOwnText(files: Files, file: string): string {
  const fd = openOwnFile(files, file, maxRecordBytes);
  try {
    return files.readFileSync(fd);
  } finally {
    files.closeSync(fd);
  }
}
