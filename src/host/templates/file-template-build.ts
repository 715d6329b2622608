// A template in the making: the files of its builder, and the switch to them.
import { randomBytes } from 'node:crypto';
import { VirtcontainersError } from '../../base/errors.js';
import { type Files, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../base/files/files.js';
import { removeIfThere, syncDirectory, writeOwnFile } from '../../base/files/own-files.js';
import { removeContents } from '../../base/files/remove-tree.js';
import { type Manifest, manifestName, toManifest } from './manifest.js';
import { toTemplateError } from './template-error.js';
import { partNames, settleParts, templateFiles } from './template-parts.js';
import { graceMs, sweep, type TemplatePlace } from './template-place.js';
import type {
  Template,
  TemplateBuild,
  TemplateFacts,
  TemplateFiles,
  TemplateKey,
} from './templates.js';

export interface FileTemplateBuildOptions {
  readonly io: Files;
  readonly place: TemplatePlace;
  readonly key: TemplateKey;
  /** Descriptor that holds the lock; the build's from now on. */
  readonly lockFd: number;
  readonly now: () => number;
}

export class FileTemplateBuild implements TemplateBuild {
  readonly files: TemplateFiles;
  readonly scratch: string;
  readonly #io: Files;
  readonly #place: TemplatePlace;
  readonly #key: TemplateKey;
  readonly #now: () => number;
  readonly #generation: string;
  readonly #scratchName: string;
  #lockFd: number | null;
  #committing: Promise<unknown> | null = null;

  constructor({ io, place, key, lockFd, now }: FileTemplateBuildOptions) {
    const fresh = randomBytes(8).toString('hex');
    this.#generation = `gen-${fresh}`;
    this.#scratchName = `scratch-${fresh}`;
    this.files = templateFiles(place.path(this.#generation));
    this.scratch = place.path(this.#scratchName);
    [this.#io, this.#place, this.#key, this.#lockFd, this.#now] = [io, place, key, lockFd, now];
  }

  /** Removes what a dead builder left and makes the two directories; where that fails, nothing stays and the lock is free. */
  prepare(): void {
    try {
      for (const name of this.#place.leftovers(this.#now())) this.#place.setAside(name);
      for (const directory of [this.files.directory, this.scratch]) {
        this.#io.mkdirSync(directory, { mode: 0o700 });
      }
    } catch (error) {
      this.#discardQuietly();
      throw error;
    }
    sweep(this.#io, this.#place.root);
  }

  commit(facts: TemplateFacts): Promise<Template> {
    if (this.#lockFd === null || this.#committing !== null) {
      const reason = 'it is saved or abandoned already';
      return Promise.reject(
        new VirtcontainersError(
          'invalid-state',
          `cannot save template ${this.#place.id}: ${reason}`,
        ),
      );
    }
    const committing = this.#commit(facts);
    this.#committing = committing.catch(() => {});
    return committing;
  }

  async abandon(): Promise<void> {
    await this.#committing;
    if (this.#lockFd === null) return;
    const { id, directory } = this.#place;
    try {
      this.#discard();
    } catch (error) {
      throw toTemplateError(error, { verb: 'abandon', id, directory });
    }
  }

  async #commit(facts: TemplateFacts): Promise<Template> {
    const { id, directory } = this.#place;
    try {
      await this.#settleDirectory();
      const parts = await settleParts(this.#io, this.files);
      await this.#switch({ ...facts, ...parts });
    } catch (error) {
      this.#discardQuietly();
      throw toTemplateError(error, { verb: 'save', id, directory });
    }
    this.#dropLock();
    sweep(this.#io, this.#place.root);
    return { ...this.files, id, qemuVersion: facts.qemuVersion };
  }

  async #settleDirectory(): Promise<void> {
    const io = this.#io;
    const fd = io.openSync(this.files.directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      removeContents(io, fd, partNames);
      // A jail may have made it its own.
      if (process.geteuid?.() === 0) io.fchownSync(fd, 0, 0);
      io.fchmodSync(fd, 0o700);
      await io.fsync(fd);
    } finally {
      io.closeSync(fd);
    }
  }

  /** The rename of the manifest is the switch: before it the old template is found, after it the new one. */
  async #switch(made: TemplateFacts & Pick<Manifest, 'memory' | 'state'>): Promise<void> {
    const io = this.#io;
    const place = this.#place;
    const old = place.findManifest();
    if (old.kind === 'unreadable') place.setAside(manifestName);
    const manifest = toManifest(this.#key, {
      qemuVersion: made.qemuVersion,
      createdAt: new Date(this.#now()).toISOString(),
      buildMs: made.buildMs,
      generation: this.#generation,
      previous: old.kind === 'manifest' ? old.manifest.generation : null,
      memory: made.memory,
      state: made.state,
    });
    const oldFd = old.kind === 'manifest' ? place.openManifest() : null;
    try {
      const text = `${JSON.stringify(manifest, null, 2)}\n`;
      await writeOwnFile(io, { directory: place.directory, name: manifestName }, text);
      await syncDirectory(io, place.root);
      this.#retire(oldFd, manifest);
    } finally {
      if (oldFd !== null) io.closeSync(oldFd);
    }
  }

  /**
   * Takes the generation before out of sight, unless its paths may have been given out within the last minute: `find` notes the
   * use before it looks whether the manifest is still the current one, and here it is looked at after the switch.
   */
  #retire(oldFd: number | null, manifest: Manifest): void {
    try {
      const now = this.#now();
      const isInUse =
        oldFd !== null && Math.abs(now - this.#io.fstatSync(oldFd).mtimeMs) < 2 * graceMs;
      const kept = isInUse ? manifest : { ...manifest, previous: null };
      for (const name of this.#place.leftovers(now, { kind: 'manifest', manifest: kept })) {
        this.#place.setAside(name);
      }
    } catch {
      // The template is saved; whoever builds or lists next removes the rest.
    }
  }

  #discard(): void {
    const place = this.#place;
    try {
      const found = place.findManifest();
      if (found.kind === 'manifest' && found.manifest.generation === this.#generation) {
        removeIfThere(this.#io, place.manifestFile);
      }
      for (const name of [this.#generation, this.#scratchName]) place.setAside(name);
      if (place.isAbandoned()) place.setAside();
    } finally {
      this.#dropLock();
    }
    sweep(this.#io, place.root);
  }

  #discardQuietly(): void {
    try {
      this.#discard();
    } catch {
      // The error that led here says more; whoever builds or lists next removes the rest.
    }
  }

  #dropLock(): void {
    if (this.#lockFd !== null) this.#io.closeSync(this.#lockFd);
    this.#lockFd = null;
  }
}
