// What this process has seen go wrong with templates: how long a key is left alone, and what could not be noted for all processes.
import type { Template } from '../../host/templates/templates.js';
import { templateRetryMs } from '../../model/limits.js';

/** Failures by the template's key. */
export class PastFailures {
  readonly #builds = new Map<string, number>();
  // The directories of those whose clones failed: one made anew has another.
  readonly #clones = new Map<string, Set<string>>();
  readonly #told = new Set<string>();

  /** Whether making it failed a short while ago: nobody waits for a second failure. */
  hasJustFailed(id: string): boolean {
    const at = this.#builds.get(id);
    return at !== undefined && performance.now() - at < templateRetryMs;
  }

  noteBuild(id: string): void {
    this.#builds.set(id, performance.now());
  }

  /** For where the note on disk cannot be written. */
  noteClone({ id, directory }: Pick<Template, 'id' | 'directory'>): void {
    this.#clones.set(id, (this.#clones.get(id) ?? new Set()).add(directory));
  }

  forgetClones(id: string): void {
    this.#clones.delete(id);
    this.#told.delete(id);
  }

  /** The directories of a key's templates whose clones failed, with those that are noted on disk. */
  failedClones(id: string, noted: readonly string[]): ReadonlySet<string> {
    return new Set([...noted, ...(this.#clones.get(id) ?? [])]);
  }

  /** Whether it is the first time that a key is said to be given up. */
  isNews(id: string): boolean {
    const isNews = !this.#told.has(id);
    this.#told.add(id);
    return isNews;
  }
}
