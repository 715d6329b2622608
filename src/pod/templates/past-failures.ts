// What this process has seen go wrong with templates: how long each is left alone, and which one is to be made anew.
import { templateRetryMs } from '../../model/limits.js';

/** Failures by the template's key. */
export class PastFailures {
  readonly #builds = new Map<string, number>();
  readonly #clones = new Map<string, number>();

  /** Whether making it failed a short while ago: nobody waits for a second failure. */
  hasJustFailed(id: string): boolean {
    const at = this.#builds.get(id);
    return at !== undefined && performance.now() - at < templateRetryMs;
  }

  noteBuild(id: string): void {
    this.#builds.set(id, performance.now());
  }

  noteClone(id: string): void {
    this.#clones.set(id, this.cloneFailures(id) + 1);
  }

  /** How many clones of it have failed; it is made anew after the first, and left alone after the second. */
  cloneFailures(id: string): number {
    return this.#clones.get(id) ?? 0;
  }
}
