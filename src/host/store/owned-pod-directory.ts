// A pod's directory in the hands of its owner: saves the record, keeps the lock, removes everything in the end.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import { lockName } from '../../base/files/directory-lock.js';
import { toFileError } from '../../base/files/file-error.js';
import { type Files, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../base/files/files.js';
import { inDirectory, removeContents, removeEntry } from '../../base/files/remove-tree.js';
import { ContainerNames } from './container-names.js';
import { readRecord, recordName, writeRecord } from './record-file.js';
import type { OwnedRecord, PodRecord } from './store.js';

export interface OwnedOptions {
  readonly files: Files;
  readonly podId: string;
  /** Directory of all pods. */
  readonly pods: string;
  /** Directory of all containers' names. */
  readonly containers: string;
  /** Directory of all pods' logs, if there is one. */
  readonly logs: string | null;
  /** Descriptor that holds the lock. */
  readonly lockFd: number;
}

/** Begins the name of a directory that is being removed. */
export const gonePrefix = '.gone-';

export class OwnedPodDirectory implements OwnedRecord {
  readonly podId: string;
  readonly directory: string;
  readonly #files: Files;
  readonly #pods: string;
  readonly #logs: string | null;
  readonly #names: ContainerNames;
  #lockFd: number | null;
  #isRemoved = false;
  #removing: Promise<void> | undefined;
  #goneName: string | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor({ files, podId, pods, containers, logs, lockFd }: OwnedOptions) {
    this.podId = podId;
    this.directory = path.join(pods, podId);
    this.#files = files;
    this.#pods = pods;
    this.#logs = logs;
    this.#lockFd = lockFd;
    const podDirectory = this.directory;
    this.#names = new ContainerNames({ files, directory: containers, podId, podDirectory });
  }

  save(record: PodRecord): Promise<void> {
    // One at a time and in order, for they share a temporary file; one that fails does not stop the next.
    const saved = this.#saving.then(async () => {
      this.#requireOwned('save');
      await this.#attempt('save', () => writeRecord(this.#files, this.directory, record));
    });
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async load(): Promise<PodRecord> {
    await this.#saving;
    return readRecord(this.#files, this.directory, this.podId);
  }

  async reserveContainer(containerId: string): Promise<void> {
    this.#requireOwned('reserve a name for');
    await this.#attempt('reserve a name for', () => this.#names.reserve(containerId));
  }

  async releaseContainer(containerId: string): Promise<void> {
    this.#requireOwned('release a name of');
    await this.#attempt('release a name of', () => this.#names.release(containerId));
  }

  remove(): Promise<void> {
    this.#removing ??= this.#remove().finally(() => {
      this.#removing = undefined;
    });
    return this.#removing;
  }

  async #remove(): Promise<void> {
    await this.#saving;
    if (this.#isRemoved) return;
    this.#requireOwned('remove');
    await this.#attempt('remove', () => this.#removeAll());
    this.#isRemoved = true;
    this.#dropLock();
  }

  async close(): Promise<void> {
    await this.#saving;
    this.#dropLock();
  }

  /** What can fail comes first, while the pod is still there under its name and can be removed by anyone. */
  #removeAll(): void {
    const files = this.#files;
    const podsFd = files.openSync(this.#pods, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      if (this.#goneName === undefined) {
        this.#removeLogs();
        this.#names.releaseAll();
        this.#empty();
        // Under another name, for without its lock it would look like a pod without an owner.
        const goneName = `${gonePrefix}${randomBytes(8).toString('hex')}`;
        files.renameSync(inDirectory(podsFd, this.podId), inDirectory(podsFd, goneName));
        this.#goneName = goneName;
      }
      removeEntry(files, podsFd, this.#goneName);
    } finally {
      files.closeSync(podsFd);
    }
  }

  #removeLogs(): void {
    if (this.#logs === null) return;
    let fd: number;
    try {
      fd = this.#files.openSync(this.#logs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      throw error;
    }
    try {
      removeEntry(this.#files, fd, this.podId);
    } finally {
      this.#files.closeSync(fd);
    }
  }

  #empty(): void {
    const fd = this.#files.openSync(this.directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      removeContents(this.#files, fd, [lockName, recordName]);
    } finally {
      this.#files.closeSync(fd);
    }
  }

  #dropLock(): void {
    if (this.#lockFd !== null) this.#files.closeSync(this.#lockFd);
    this.#lockFd = null;
  }

  #requireOwned(verb: string): void {
    if (this.#lockFd !== null) return;
    const reason = this.#isRemoved ? 'it is removed' : 'this process has given it up';
    throw new VirtcontainersError('invalid-state', `cannot ${verb} pod ${this.podId}: ${reason}`);
  }

  async #attempt(verb: string, run: () => Promise<void> | void): Promise<void> {
    try {
      await run();
    } catch (error) {
      throw toFileError(error, `cannot ${verb} pod ${this.podId}`, this.directory);
    }
  }
}
