// Makes a directory with those above it.
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { errnoOf } from './errors.js';

/** The calls that it makes, so that tests can let them fail. */
export interface MakeDirectoryCalls {
  readonly mkdirSync: (path: string, options: { readonly mode: number }) => unknown;
}

/**
 * Makes a directory, and those above it that are missing, with `mode`; one that is there stays as it is, a link to one too.
 * Node's own recursive `mkdir` (20.20) calls every failure that it does not know ENOENT, a read-only file system's among them.
 * @throws the system's error
 */
export function makeDirectory(
  directory: string,
  mode: number,
  calls: MakeDirectoryCalls = { mkdirSync },
): void {
  try {
    calls.mkdirSync(directory, { mode });
  } catch (error) {
    const errno = errnoOf(error);
    const parent = path.dirname(directory);
    if (errno === 'EEXIST' && statSync(directory).isDirectory()) return;
    if (errno !== 'ENOENT' || parent === directory) throw error;
    makeDirectory(parent, mode, calls);
    // Another process may have made it in between.
    if (!isDirectory(directory)) calls.mkdirSync(directory, { mode });
  }
}

function isDirectory(directory: string): boolean {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
}
