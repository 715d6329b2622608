// The store as files: a directory per pod with its record and its owner's lock, a link per container name.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { sleep } from '../../base/deadline.js';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import { isLocked, makeLock, takeLock } from '../../base/files/directory-lock.js';
import { toFileError } from '../../base/files/file-error.js';
import {
  type Files,
  nodeFiles,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from '../../base/files/files.js';
import { requireOwnDirectory } from '../../base/files/own-files.js';
import { removeEntry } from '../../base/files/remove-tree.js';
import { makeDirectory } from '../../base/make-directory.js';
import { validateId } from '../../model/id.js';
import { gonePrefix, OwnedPodDirectory } from './owned-pod-directory.js';
import { readRecord } from './record-file.js';
import type { OwnedRecord, PodRecord, Store } from './store.js';

export interface FileStoreOptions {
  /** The run root: pods lie in `<root>/pods`, container names in `<root>/containers`. Made where it is missing. */
  readonly root: string;
  /** Directory that holds a folder of logs for each pod, which is removed with the pod. Default: there is none. */
  readonly logs?: string;
  /** The file system calls; for tests. */
  readonly files?: Files;
}

/** Begins the name of a directory that is being made. */
const newPrefix = '.new-';
/** Those who only look at a lock hold it, shared, for moments; so often and after so long (in milliseconds) it is tried again. */
const lockAttempts = 20;
const lockRetryMs = 10;
/** Whoever holds it alone is an owner, or is about to be done with removing the pod: it is tried so often. */
const ownedLockAttempts = 3;

export class FileStore implements Store {
  readonly #files: Files;
  readonly #root: string;
  readonly #pods: string;
  readonly #containers: string;
  readonly #logs: string | null;

  constructor({ root, logs, files = nodeFiles }: FileStoreOptions) {
    this.#logs = logs === undefined ? null : path.resolve(logs);
    this.#files = files;
    this.#root = path.resolve(root);
    this.#pods = path.join(this.#root, 'pods');
    this.#containers = path.join(this.#root, 'containers');
  }

  directoryOf(podId: string): string {
    return this.#directory(validateId('pod', podId));
  }

  /** The directory appears under its name only when it is locked, so nobody ever sees a new pod without an owner. */
  async create(podId: string): Promise<OwnedRecord> {
    validateId('pod', podId);
    try {
      this.#makeDirectories();
      const podsFd = await this.#keepSweepersOut();
      let lockFd: number;
      try {
        lockFd = this.#makePodDirectory(podId);
      } finally {
        this.#files.closeSync(podsFd);
      }
      return this.#owned(podId, lockFd);
    } catch (error) {
      throw toFileError(error, `cannot create pod ${podId}`, this.#directory(podId));
    }
  }

  async takeOver(podId: string): Promise<OwnedRecord> {
    validateId('pod', podId);
    const directory = this.#directory(podId);
    let timesOwned = 0;
    for (let attempt = 0; attempt < lockAttempts && timesOwned < ownedLockAttempts; attempt++) {
      this.#requireDirectory(podId);
      try {
        const lockFd = takeLock(this.#files, directory);
        if (typeof lockFd === 'number') return this.#owned(podId, lockFd);
        if (lockFd === null && isLocked(this.#files, directory)) timesOwned++;
      } catch (error) {
        throw toFileError(error, `cannot take over pod ${podId}`, directory);
      }
      await sleep(lockRetryMs);
    }
    throw new VirtcontainersError(
      'invalid-state',
      `cannot take over pod ${podId}: its owner lives, another process holds ${directory}/lock`,
    );
  }

  async load(podId: string): Promise<PodRecord> {
    validateId('pod', podId);
    this.#requireDirectory(podId);
    return readRecord(this.#files, this.#directory(podId), podId);
  }

  async list(): Promise<readonly string[]> {
    let names: readonly string[];
    try {
      names = this.#files.readdirSync(this.#pods);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw toFileError(error, 'cannot list pods', this.#pods);
    }
    if (names.some(isLeftover)) this.#sweep(names.filter(isLeftover));
    return names
      .filter((name) => !isLeftover(name) && isPodId(name) && this.#isDirectory(name))
      .sort();
  }

  async hasLiveOwner(podId: string): Promise<boolean> {
    validateId('pod', podId);
    const directory = this.#directory(podId);
    try {
      return isLocked(this.#files, directory);
    } catch (error) {
      throw toFileError(error, `cannot find the owner of pod ${podId}`, directory);
    }
  }

  #directory(podId: string): string {
    return path.join(this.#pods, podId);
  }

  #owned(podId: string, lockFd: number): OwnedRecord {
    const [files, pods, containers] = [this.#files, this.#pods, this.#containers];
    return new OwnedPodDirectory({ files, podId, pods, containers, logs: this.#logs, lockFd });
  }

  #makeDirectories(): void {
    makeDirectory(this.#root, 0o700, this.#files);
    for (const directory of [this.#pods, this.#containers]) {
      try {
        this.#files.mkdirSync(directory, { mode: 0o700 });
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
        requireOwnDirectory(this.#files, directory);
      }
    }
  }

  /** A shared lock on the directory of all pods: what is only half made must not be swept away. */
  async #keepSweepersOut(): Promise<number> {
    const fd = this.#files.openSync(this.#pods, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      for (let attempt = 0; attempt < lockAttempts; attempt++) {
        if (this.#files.tryLock(fd, 'shared')) return fd;
        await sleep(lockRetryMs);
      }
    } catch (error) {
      this.#files.closeSync(fd);
      throw error;
    }
    this.#files.closeSync(fd);
    throw new Error(`another process has locked ${this.#pods}`);
  }

  /** @returns the descriptor that holds the lock */
  #makePodDirectory(podId: string): number {
    const fresh = path.join(this.#pods, `${newPrefix}${randomBytes(8).toString('hex')}`);
    let lockFd: number | undefined;
    try {
      this.#files.mkdirSync(fresh, { mode: 0o700 });
      lockFd = makeLock(this.#files, fresh);
      // Fails where the pod exists, for its directory is never empty.
      this.#files.renameSync(fresh, this.#directory(podId));
      return lockFd;
    } catch (error) {
      if (lockFd !== undefined) this.#files.closeSync(lockFd);
      this.#removeQuietly(path.basename(fresh));
      const errno = errnoOf(error);
      if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST') throw error;
      throw new VirtcontainersError('already-exists', `cannot create pod ${podId}: it exists`, {
        hint: 'delete it first, or choose another id',
        details: { podId, path: this.#directory(podId) },
      });
    }
  }

  /** Removes what owners left that were killed while they made or removed a pod; best effort. */
  #sweep(leftovers: readonly string[]): void {
    let fd: number | undefined;
    try {
      fd = this.#files.openSync(this.#pods, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!this.#files.tryLock(fd, 'exclusive')) return;
      for (const name of leftovers) {
        if (!isLocked(this.#files, path.join(this.#pods, name))) removeEntry(this.#files, fd, name);
      }
    } catch {
      // Whoever lists pods did not ask for this; the next one tries again.
    } finally {
      if (fd !== undefined) this.#files.closeSync(fd);
    }
  }

  #removeQuietly(name: string): void {
    try {
      const fd = this.#files.openSync(this.#pods, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        removeEntry(this.#files, fd, name);
      } finally {
        this.#files.closeSync(fd);
      }
    } catch {
      // The next list of the pods sweeps it away.
    }
  }

  #isDirectory(podId: string): boolean {
    try {
      return this.#files.lstatSync(this.#directory(podId)).isDirectory();
    } catch {
      return false;
    }
  }

  #requireDirectory(podId: string): void {
    if (this.#isDirectory(podId)) return;
    throw new VirtcontainersError('not-found', `cannot find pod ${podId}: it does not exist`, {
      details: { path: this.#directory(podId) },
    });
  }
}

function isLeftover(name: string): boolean {
  return name.startsWith(newPrefix) || name.startsWith(gonePrefix);
}

function isPodId(name: string): boolean {
  try {
    return validateId('pod', name) === name;
  } catch {
    return false;
  }
}
