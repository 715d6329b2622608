// Templates as files: a directory per key with its builder's lock, a manifest, and the files that the manifest names.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { sleep } from '../../base/deadline.js';
import { errnoOf, reasonOf, throwIfAborted, VirtcontainersError } from '../../base/errors.js';
import { type Files, nodeFiles } from '../../base/files/files.js';
import { isSameFile, requireOwnDirectory } from '../../base/files/own-files.js';
import { makeDirectory } from '../../base/make-directory.js';
import { describeTemplate } from './describe-template.js';
import { failedClones, forget, noteFailedClone, noteWorkingClone } from './failed-clones.js';
import { FileTemplateBuild } from './file-template-build.js';
import { requireKey } from './manifest.js';
import { toTemplateError } from './template-error.js';
import { isTemplateId, requireTemplateId } from './template-id.js';
import { checkParts, templateFiles } from './template-parts.js';
import { graceMs, sweep, TemplatePlace } from './template-place.js';
import type {
  StoredTemplate,
  Template,
  TemplateBuild,
  TemplateKey,
  Templates,
} from './templates.js';

export interface FileTemplatesOptions {
  /** Directory of all templates, made where it is missing. */
  readonly root: string;
  /** The file system calls; for tests. */
  readonly files?: Files;
  /** The time, in milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/** How often a template is looked at that is replaced meanwhile. */
const findAttempts = 3;
/** How long after the end of a build others know of it at the latest, in milliseconds. */
const builderPollMs = 25;

export class FileTemplates implements Templates {
  readonly placeId: string;
  readonly #root: string;
  readonly #io: Files;
  readonly #now: () => number;

  constructor({ root, files = nodeFiles, now = Date.now }: FileTemplatesOptions) {
    this.#root = path.resolve(root);
    this.placeId = createHash('sha256').update(this.#root).digest('hex').slice(0, 8);
    this.#io = files;
    this.#now = now;
  }

  async find(
    key: TemplateKey,
    onDamaged: (reason: string) => void = () => {},
  ): Promise<Template | null> {
    const place = this.#place('find', key.id);
    for (let attempt = 0; attempt < findAttempts; attempt++) {
      const found = this.#look(place, key);
      if (found.kind === 'replaced') continue;
      if (found.kind === 'damaged') onDamaged(found.reason);
      return found.kind === 'whole' ? found.template : null;
    }
    return null;
  }

  async begin(key: TemplateKey): Promise<TemplateBuild | null> {
    const place = this.#place('build', key.id);
    try {
      makeDirectory(this.#root, 0o700, this.#io);
      requireOwnDirectory(this.#io, this.#root);
      const lockFd = await place.takeLock();
      if (lockFd === null) return null;
      const build = new FileTemplateBuild({ io: this.#io, place, key, lockFd, now: this.#now });
      build.prepare();
      return build;
    } catch (error) {
      throw this.#error(error, 'build', place);
    }
  }

  async waitForBuilder(key: TemplateKey, signal: AbortSignal): Promise<void> {
    const place = this.#place('wait for', key.id);
    try {
      for (;;) {
        throwIfAborted(signal, `cannot wait for template ${key.id}`);
        if (!place.isLocked()) return;
        await sleep(builderPollMs, signal).catch(() => {});
      }
    } catch (error) {
      throw this.#error(error, 'wait for', place);
    }
  }

  async failedClones(key: TemplateKey): Promise<readonly string[]> {
    return this.#onNotes('tell of failed clones of', key.id, (place) =>
      failedClones(this.#io, place),
    );
  }

  async noteClone(
    { id, directory }: Pick<Template, 'id' | 'directory'>,
    outcome: 'works' | 'failed',
  ): Promise<void> {
    const note = outcome === 'works' ? noteWorkingClone : noteFailedClone;
    this.#onNotes('note a clone of', id, (place) => note(this.#io, place, directory));
  }

  async forgetFailedClones({ id }: TemplateKey): Promise<void> {
    this.#onNotes('forget failed clones of', id, (place) => forget(this.#io, place));
  }

  async list(): Promise<readonly StoredTemplate[]> {
    let names: readonly string[];
    try {
      names = this.#io.readdirSync(this.#root);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw new VirtcontainersError(
        'internal',
        `cannot list templates in ${this.#root}: ${reasonOf(error)}`,
        { cause: error, details: { path: this.#root } },
      );
    }
    const listed: StoredTemplate[] = [];
    for (const id of names.filter(isTemplateId).sort()) {
      const place = new TemplatePlace(this.#io, this.#root, id);
      await this.#tidy(place);
      const template = describeTemplate(this.#io, place);
      if (template !== null) listed.push(template);
    }
    sweep(this.#io, this.#root);
    return listed;
  }

  async remove(id: string): Promise<void> {
    const place = this.#place('remove', id);
    try {
      const gone = await this.#takeAway(place);
      if (gone !== null) place.remove(gone);
      sweep(this.#io, this.#root);
    } catch (error) {
      throw this.#error(error, 'remove', place);
    }
  }

  #place(verb: string, id: string): TemplatePlace {
    requireTemplateId(verb, id);
    return new TemplatePlace(this.#io, this.#root, id);
  }

  #onNotes<T>(verb: string, id: string, work: (place: TemplatePlace) => T): T {
    const place = this.#place(verb, id);
    try {
      return work(place);
    } catch (error) {
      throw this.#error(error, verb, place);
    }
  }

  #error(error: unknown, verb: string, { id, directory }: TemplatePlace): VirtcontainersError {
    return toTemplateError(error, { verb, id, directory });
  }

  #look(
    place: TemplatePlace,
    key: TemplateKey,
  ):
    | { readonly kind: 'whole'; readonly template: Template }
    | { readonly kind: 'none' }
    | { readonly kind: 'replaced' }
    | { readonly kind: 'damaged'; readonly reason: string } {
    let fd: number;
    try {
      requireOwnDirectory(this.#io, this.#root);
      requireOwnDirectory(this.#io, place.directory);
      fd = place.openManifest();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { kind: 'none' };
      return { kind: 'damaged', reason: reasonOf(error) };
    }
    try {
      const manifest = place.readManifest(fd);
      requireKey(manifest, key);
      const files = templateFiles(place.path(manifest.generation));
      checkParts(this.#io, files, manifest);
      // In this order: see what a commit does with the generation before.
      this.#noteUse(fd);
      if (!isSameFile(this.#io, fd, place.manifestFile)) return { kind: 'replaced' };
      return {
        kind: 'whole',
        template: { ...files, id: key.id, qemuVersion: manifest.qemuVersion },
      };
    } catch (error) {
      // Its files may have gone because it was replaced or removed meanwhile.
      return this.#isReplaced(place, fd)
        ? { kind: 'replaced' }
        : { kind: 'damaged', reason: reasonOf(error) };
    } finally {
      this.#io.closeSync(fd);
    }
  }

  #isReplaced(place: TemplatePlace, manifestFd: number): boolean {
    try {
      return !isSameFile(this.#io, manifestFd, place.manifestFile);
    } catch {
      return false;
    }
  }

  /** The manifest's own time says when it was used last: to a minute, so that most finds write nothing. */
  #noteUse(manifestFd: number): void {
    const now = this.#now();
    try {
      if (Math.abs(now - this.#io.fstatSync(manifestFd).mtimeMs) < graceMs) return;
      this.#io.futimesSync(manifestFd, now / 1000, now / 1000);
    } catch {
      // On a read-only file system it can be used as well.
    }
  }

  /** Removes what dead builders left, and generations that were replaced; best effort. */
  async #tidy(place: TemplatePlace): Promise<void> {
    try {
      if (!place.isDirectory()) return;
      if (place.leftovers(this.#now()).length === 0 && !place.isAbandoned()) return;
      const lockFd = place.isLocked() ? null : await place.takeLockIfThere();
      if (typeof lockFd !== 'number') return;
      try {
        if (place.isAbandoned()) place.setAside();
        else for (const name of place.leftovers(this.#now())) place.setAside(name);
      } finally {
        this.#io.closeSync(lockFd);
      }
    } catch {
      // Whoever lists templates did not ask for this; the next one tries again.
    }
  }

  /** Out of sight at once, whole, so that nobody ever finds a part of it. */
  async #takeAway(place: TemplatePlace): Promise<string | null> {
    try {
      if (!this.#io.lstatSync(place.directory).isDirectory()) return place.setAside();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
    const lockFd = await place.takeLockIfThere();
    if (lockFd === 'gone') return null;
    if (lockFd === null) {
      throw new VirtcontainersError(
        'invalid-state',
        `cannot remove template ${place.id}: it is being built`,
        { hint: 'wait until it is built', details: { path: place.directory } },
      );
    }
    try {
      return place.setAside();
    } finally {
      this.#io.closeSync(lockFd);
    }
  }
}
