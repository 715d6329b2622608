// The place of one template below the root of all: its names, its lock, and how what is not needed any more goes.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { sleep } from '../../base/deadline.js';
import { errnoOf, reasonOf } from '../../base/errors.js';
import { isLocked, lockName, takeLock } from '../../base/files/directory-lock.js';
import { type Files, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../base/files/files.js';
import { openOwnFile, requireOwnDirectory } from '../../base/files/own-files.js';
import { removeEntry } from '../../base/files/remove-tree.js';
import { printable } from '../../base/untrusted-text.js';
import {
  generationPattern,
  type Manifest,
  manifestName,
  maxManifestBytes,
  parseManifest,
} from './manifest.js';

/** Begins the name of what is being removed: it is no template any more. */
const gonePrefix = '.gone-';
const scratchPattern = /^scratch-[0-9a-f]{16}$/;
/** Notes that clones of a generation have failed. */
export const failurePattern = /^failed-(gen-[0-9a-f]{16})$/;
/** Others hold the lock for moments, to look at it or to tidy up: so often and after so long (in milliseconds) it is tried again. */
const lockAttempts = 20;
const heldLockAttempts = 3;
const lockRetryMs = 10;
const maxReasonLength = 500;
/** How long paths that were given out are good, in milliseconds: a clone opens the files well within. */
export const graceMs = 60_000;

/** What can be read of a manifest. */
export type FoundManifest =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'none' }
  /** It is there and cannot be understood. */
  | { readonly kind: 'unreadable'; readonly reason: string };

export class TemplatePlace {
  readonly id: string;
  readonly root: string;
  readonly directory: string;
  readonly manifestFile: string;
  readonly #files: Files;

  constructor(files: Files, root: string, id: string) {
    this.#files = files;
    this.id = id;
    this.root = root;
    this.directory = path.join(root, id);
    this.manifestFile = path.join(this.directory, manifestName);
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  /**
   * Makes the directory where it is missing and takes its lock.
   * @returns the descriptor that holds it; null where another one does
   */
  async takeLock(): Promise<number | null> {
    return this.#lock(() => {
      try {
        this.#files.mkdirSync(this.directory, { mode: 0o700 });
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
      try {
        requireOwnDirectory(this.#files, this.directory);
      } catch (error) {
        // Removed again by another process: the next attempt makes it anew.
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
      return true;
    });
  }

  /** The same where the directory is there already; `gone` where it is not. */
  async takeLockIfThere(): Promise<number | null | 'gone'> {
    let isThere = true;
    const fd = await this.#lock(() => {
      isThere = this.isDirectory();
      return isThere;
    });
    return isThere ? fd : 'gone';
  }

  async #lock(prepare: () => boolean): Promise<number | null> {
    for (let attempt = 0, timesHeld = 0; attempt < lockAttempts; attempt++) {
      if (!prepare()) return null;
      const fd = this.#tryLock();
      if (typeof fd === 'number') return fd;
      if (fd === 'gone') continue;
      if (this.isLocked() && ++timesHeld === heldLockAttempts) return null;
      await sleep(lockRetryMs);
    }
    return null;
  }

  #tryLock(): number | null | 'gone' {
    try {
      return takeLock(this.#files, this.directory);
    } catch (error) {
      if (!isNoLock(error)) throw error;
      this.setAside();
      return 'gone';
    }
  }

  isLocked(): boolean {
    try {
      return isLocked(this.#files, this.directory);
    } catch (error) {
      if (isNoLock(error)) return false;
      throw error;
    }
  }

  isDirectory(): boolean {
    try {
      return this.#files.lstatSync(this.directory).isDirectory();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** @throws the system's error; Error that names the file and says why it is not read */
  openManifest(): number {
    return this.#namingManifest(() =>
      openOwnFile(this.#files, this.manifestFile, maxManifestBytes),
    );
  }

  /** @throws the system's error; Error that names the file and says what is wrong with it */
  readManifest(fd: number): Manifest {
    return this.#namingManifest(() => parseManifest(this.#files.readFileSync(fd), this.id));
  }

  #namingManifest<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      if (errnoOf(error) !== undefined) throw error;
      const reason = printable(reasonOf(error), maxReasonLength);
      throw new Error(`${this.manifestFile}: ${reason}`, { cause: error });
    }
  }

  findManifest(): FoundManifest {
    try {
      const fd = this.openManifest();
      try {
        return { kind: 'manifest', manifest: this.readManifest(fd) };
      } finally {
        this.#files.closeSync(fd);
      }
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return { kind: 'none' };
      // A link or a socket in its place says something of the file, any other failure of the system does not.
      if (errno !== undefined && errno !== 'ELOOP' && errno !== 'ENXIO') throw error;
      return { kind: 'unreadable', reason: reasonOf(error) };
    }
  }

  /**
   * What lies there of builders that died, and a generation that nobody can have been given any more.
   * Beside a manifest that cannot be understood everything stays: it may be of a newer version, which uses it.
   */
  leftovers(now: number, found: FoundManifest = this.findManifest()): readonly string[] {
    if (found.kind === 'unreadable') return [];
    const kept: (string | null)[] = [];
    if (found.kind === 'manifest') {
      const { generation, previous, createdAt } = found.manifest;
      kept.push(generation);
      // A clock that was set back must not keep it for ever.
      if (Math.abs(now - Date.parse(createdAt)) < graceMs) kept.push(previous);
    }
    return this.#files
      .readdirSync(this.directory)
      .filter((name) => isMadeByBuilder(name) && !kept.includes(name));
  }

  /** Whether nothing is there but what a dead builder left: removing all of it takes nothing from anybody. */
  isAbandoned(): boolean {
    const found = this.findManifest();
    if (found.kind !== 'none') return false;
    return this.#files
      .readdirSync(this.directory)
      .every((name) => name === lockName || isMadeByBuilder(name) || failurePattern.test(name));
  }

  /**
   * Takes an entry, or the whole place, out of sight at once; `sweep` removes it. For whoever holds the lock.
   * @returns its new name in the root; null where it is removed already
   */
  setAside(name = ''): string | null {
    const gone = `${gonePrefix}${randomBytes(8).toString('hex')}`;
    try {
      this.#files.renameSync(path.join(this.directory, name), path.join(this.root, gone));
      return gone;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      // A full disk may have no room for a new name.
      if (name === '') this.#removeFrom(this.root, this.id);
      else this.#removeFrom(this.directory, name);
      return null;
    }
  }

  remove(goneName: string): void {
    this.#removeFrom(this.root, goneName);
  }

  #removeFrom(directory: string, name: string): void {
    const fd = this.#files.openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      removeEntry(this.#files, fd, name);
    } finally {
      this.#files.closeSync(fd);
    }
  }
}

/** A directory or a link lies in the lock's place: nobody can hold that, so it is removed with everything. */
function isNoLock(error: unknown): boolean {
  return ['EISDIR', 'ELOOP'].includes(errnoOf(error) ?? '');
}

function isMadeByBuilder(name: string): boolean {
  return (
    generationPattern.test(name) || scratchPattern.test(name) || name === `${manifestName}.new`
  );
}

/** Removes what was set aside, also by those who were killed before they could; best effort. */
export function sweep(files: Files, root: string): void {
  try {
    const fd = files.openSync(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      for (const name of files.readdirSync(root)) {
        if (name.startsWith(gonePrefix)) removeEntry(files, fd, name);
      }
    } finally {
      files.closeSync(fd);
    }
  } catch {
    // Nobody asked for this; whoever builds or lists next tries again.
  }
}
