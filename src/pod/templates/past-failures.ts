// What this process has seen go wrong with templates: how long each is left alone, and which one is to be made anew.
import type { Template } from '../../host/templates/templates.js';
import { templateRetryMs } from '../../model/limits.js';

/** Failures by the template's key. */
export class PastFailures {
  readonly #builds = new Map<string, number>();
  // The directories of those whose clones failed: one made anew has another.
  readonly #clones = new Map<string, Set<string>>();

  /** Whether making it failed a short while ago: nobody waits for a second failure. */
  hasJustFailed(id: string): boolean {
    const at = this.#builds.get(id);
    return at !== undefined && performance.now() - at < templateRetryMs;
  }

  noteBuild(id: string): void {
    this.#builds.set(id, performance.now());
  }

  noteClone({ id, directory }: Template): void {
    this.#clones.set(id, (this.#clones.get(id) ?? new Set()).add(directory));
  }

  /** What failed before was not the template's fault. */
  noteWorkingClone({ id }: Template): void {
    this.#clones.delete(id);
  }

  /** Whether a clone of just this one has failed: it is made anew before another is tried. */
  hasFailed({ id, directory }: Template): boolean {
    return this.#clones.get(id)?.has(directory) === true;
  }

  /** Whether clones failed of one that was made anew, too: no more are tried. */
  isHopeless(id: string): boolean {
    return (this.#clones.get(id)?.size ?? 0) > 1;
  }
}
