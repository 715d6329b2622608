// Checks of the directories that state and images lie in: writable, on what file system, with how much room.
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf } from '../base/errors.js';
import { parseMountinfo } from '../base/mountinfo.js';
import { type Finding, fail, ok, warn } from './check.js';

const MiB = 1024 * 1024;

/** What is known of a directory. */
export interface DirectoryFacts {
  readonly path: string;
  readonly exists: boolean;
  /** Why nothing can be written; null where it can. */
  readonly refusal: string | null;
  readonly fileSystem: string;
  readonly freeBytes: number;
  /** Null where the file system has no fixed number of them. */
  readonly freeInodes: number | null;
}

/** Below `least` no pod starts, below `enough` it soon will not. */
export interface RoomNeeded {
  readonly leastBytes: number;
  readonly enoughBytes: number;
}

/** Records and sockets of a few pods. */
export const runRootNeeds: RoomNeeded = { leastBytes: 4 * MiB, enoughBytes: 32 * MiB };
/** Logs of a few pods; an image takes 300 MiB, and building one as much again. */
export const libRootNeeds: RoomNeeded = { leastBytes: 64 * MiB, enoughBytes: 1024 * MiB };

export function checkDirectory(facts: DirectoryFacts, needs: RoomNeeded): Finding {
  const place = facts.exists ? facts.path : `${facts.path} (which will be made)`;
  if (facts.refusal !== null) {
    return fail(`${place} cannot be written: ${facts.refusal}`, {
      hint: 'choose another with VIRTC_RUN_ROOT or VIRTC_LIB_ROOT',
    });
  }
  const about = `${place} on ${facts.fileSystem} with ${toText(facts.freeBytes)} free`;
  const room = { hint: 'make room, or choose another with VIRTC_RUN_ROOT or VIRTC_LIB_ROOT' };
  if (facts.freeInodes !== null && facts.freeInodes < 100) {
    return fail(`${about} has room for only ${facts.freeInodes} more files`, room);
  }
  if (facts.freeBytes < needs.leastBytes) return fail(`${about}: too little to run a pod`, room);
  if (facts.freeBytes < needs.enoughBytes) return warn(`${about}: little`, room);
  return ok(about);
}

/** Looks at a directory, or at the nearest one above where it would be made. */
export async function directoryFacts(directory: string): Promise<DirectoryFacts> {
  const at = nearestExisting(directory);
  const { bsize, bavail, files, ffree } = await statfs(at);
  return {
    path: directory,
    exists: at === directory,
    refusal: refusalAt(at),
    fileSystem: fileSystemAt(at),
    freeBytes: bsize * bavail,
    freeInodes: files > 0 ? ffree : null,
  };
}

/** The path, or the nearest above it that is there. */
export function nearestExisting(file: string): string {
  let at = file;
  while (!existsSync(at) && at !== path.dirname(at)) at = path.dirname(at);
  return at;
}

function refusalAt(directory: string): string | null {
  try {
    if (!statSync(directory).isDirectory()) return `${directory} is not a directory`;
    // Also says so of a file system that is mounted read-only.
    accessSync(directory, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The type of the last mount that holds the path. */
function fileSystemAt(directory: string): string {
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  const holding = mounts.filter(
    ({ mountPoint }) =>
      directory === mountPoint || directory.startsWith(mountPoint.replace(/\/?$/, '/')),
  );
  const longest = Math.max(...holding.map(({ mountPoint }) => mountPoint.length));
  return holding.findLast(({ mountPoint }) => mountPoint.length === longest)?.type ?? 'unknown';
}

function toText(bytes: number): string {
  return bytes < 10 * 1024 * MiB
    ? `${Math.floor(bytes / MiB)} MiB`
    : `${Math.floor(bytes / MiB / 1024)} GiB`;
}
