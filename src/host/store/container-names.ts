// The names of all containers of a root: one link per name, made exclusively, that points to its pod.
import path from 'node:path';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import { type Files, O_CREAT, O_NOFOLLOW, O_WRONLY } from '../../base/files/files.js';
import { removeIfThere } from '../../base/files/own-files.js';
import { validateId } from '../../model/id.js';

/** In a pod's directory: an empty file per name that the pod has, so that all are found without a look at other pods. */
const ownNames = 'names';

export interface NamesOptions {
  readonly files: Files;
  /** Directory of the links. */
  readonly directory: string;
  readonly podId: string;
  readonly podDirectory: string;
}

/** The names that one pod has reserved. */
export class ContainerNames {
  readonly #files: Files;
  readonly #directory: string;
  readonly #podId: string;
  readonly #own: string;

  constructor(options: NamesOptions) {
    this.#files = options.files;
    this.#directory = options.directory;
    this.#podId = options.podId;
    this.#own = path.join(options.podDirectory, ownNames);
  }

  /** @throws VirtcontainersError `already-exists`, naming the pod that has it */
  reserve(name: string): void {
    validateId('container', name);
    this.#makeOwnDirectory();
    const note = path.join(this.#own, name);
    this.#files.closeSync(this.#files.openSync(note, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600));
    let holder: string | undefined;
    try {
      holder = this.#takeOrFindHolder(name);
    } catch (error) {
      removeIfThere(this.#files, note);
      throw error;
    }
    if (holder === undefined) return;
    if (holder !== this.#podId) removeIfThere(this.#files, note);
    throw this.#takenError(name, holder);
  }

  /** @returns the pod that has the name already; undefined if it is reserved now */
  #takeOrFindHolder(name: string): string | undefined {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#files.symlinkSync(`../pods/${this.#podId}`, this.#link(name));
        return undefined;
      } catch (error) {
        const holder = errnoOf(error) === 'EEXIST' ? this.#holder(name) : undefined;
        if (holder !== undefined) return holder;
        // It was there and is not any more: it has just been released.
        if (errnoOf(error) !== 'EEXIST' || attempt === 3) throw error;
      }
    }
  }

  /** Safe to repeat; a name of another pod is left alone. */
  release(name: string): void {
    validateId('container', name);
    if (this.#holder(name) === this.#podId) removeIfThere(this.#files, this.#link(name));
    if (this.#hasOwnDirectory()) removeIfThere(this.#files, path.join(this.#own, name));
  }

  releaseAll(): void {
    if (!this.#hasOwnDirectory()) return;
    for (const name of this.#files.readdirSync(this.#own)) {
      if (isId(name)) this.release(name);
    }
  }

  /** A link in its place would make files elsewhere look like names, to be made and removed. */
  #hasOwnDirectory(): boolean {
    try {
      return this.#files.lstatSync(this.#own).isDirectory();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  #makeOwnDirectory(): void {
    try {
      this.#files.mkdirSync(this.#own, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || !this.#hasOwnDirectory()) throw error;
    }
  }

  #link(name: string): string {
    return path.join(this.#directory, name);
  }

  /** The pod that has a name; undefined if none has. */
  #holder(name: string): string | undefined {
    try {
      return path.basename(this.#files.readlinkSync(this.#link(name)));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  #takenError(name: string, holder: string): VirtcontainersError {
    return new VirtcontainersError(
      'already-exists',
      `cannot create container ${name}: pod ${holder} has a container of that name`,
      { details: { podId: holder, path: this.#link(name) } },
    );
  }
}

function isId(name: string): boolean {
  try {
    return validateId('container', name) === name;
  } catch {
    return false;
  }
}
