// The configuration files: which ones are read, whether they can be trusted, and what they say.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, reasonOf, VirtcontainersError } from '../base/errors.js';
import type { KeyName, Value } from './keys.js';
import { parseConfig } from './parse.js';
import { systemFile, userFile } from './places.js';

/** What one file says. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Partial<Record<KeyName, Value>>>;
}

/** Largest file, in bytes: every key with a page of comments fits. */
const maxBytes = 64 * 1024;

/** What decides which files are read. */
export interface ConfigFilePlaces {
  /** This file alone, made absolute against the current directory; empty means none. */
  readonly named?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Read as root: then nobody else may be able to write them. */
  readonly isRoot: boolean;
  /** Default `/etc/virtcontainers/config.toml`. */
  readonly system?: string;
}

/**
 * The files that are there, the one that wins first: the one named here or by `VIRTC_CONFIG`, else the user's and the system's. None
 * is ever looked for in the current directory, which would let whoever made it choose what root runs.
 * @throws VirtcontainersError `not-found` for a named file that is not there; `invalid-argument` for one that others can
 *   write, or that does not hold what it may, with `path`, `line`, `column` and `key` in its details
 */
export async function readConfigFiles(places: ConfigFilePlaces): Promise<readonly ConfigFile[]> {
  const { environment, isRoot, system = systemFile } = places;
  const named = places.named ?? environment['VIRTC_CONFIG'];
  if (named === '') return [];
  if (named !== undefined) {
    const file = path.resolve(named);
    const text = await readTrusted(file, isRoot);
    if (text === null) throw refused(file, 'there is no such file', 'not-found');
    return [{ path: file, values: await parseConfig(text, file) }];
  }
  const files: ConfigFile[] = [];
  for (const file of [userFile(environment), system]) {
    const text = file === undefined ? null : await readTrusted(file, isRoot);
    if (file !== undefined && text !== null) {
      files.push({ path: file, values: await parseConfig(text, file) });
    }
  }
  return files;
}

/** The text of a file; null where there is none. */
async function readTrusted(file: string, isRoot: boolean): Promise<string | null> {
  let handle: FileHandle;
  try {
    // Not blocking: a fifo would wait for somebody who writes.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw refused(file, `it cannot be opened: ${reasonOf(error).replace(/^\w+: /, '')}`);
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw refused(file, 'it is not a regular file');
    if (isRoot) requireTrusted(file, stats);
    return decode(file, await readAll(handle, file));
  } finally {
    await handle.close();
  }
}

/** Looked at through the descriptor that is read: whatever stands at the path a moment later does not count. */
function requireTrusted(
  file: string,
  stats: { readonly uid: number; readonly mode: number },
): void {
  const hint = `root would do what it says: chown root ${JSON.stringify(file)}; chmod go-w it; or name another file in VIRTC_CONFIG, empty for none`;
  const own = process.getuid?.() ?? 0;
  if (stats.uid !== 0 && stats.uid !== own) {
    throw refused(
      file,
      `it belongs to user ${stats.uid}, who is not root`,
      'invalid-argument',
      hint,
    );
  }
  if ((stats.mode & 0o022) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(3, '0');
    throw refused(
      file,
      `others than its owner can write it (mode ${mode})`,
      'invalid-argument',
      hint,
    );
  }
}

async function readAll(handle: FileHandle, file: string): Promise<Uint8Array> {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length <= maxBytes) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  throw refused(file, `it must be at most ${maxBytes / 1024} KiB`);
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refused(file, 'it is not valid UTF-8');
  }
}

function refused(
  file: string,
  reason: string,
  code: 'invalid-argument' | 'not-found' = 'invalid-argument',
  hint?: string,
): VirtcontainersError {
  return new VirtcontainersError(
    code,
    `cannot use configuration file ${JSON.stringify(file)}: ${reason}`,
    {
      ...(hint === undefined ? {} : { hint }),
      details: { path: file },
    },
  );
}
