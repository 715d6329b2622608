// The binds that a guest may cache: one for each source, for as long as the pod lives.
import path from 'node:path';
import type { ShareBinding } from './share.js';

/**
 * A guest that caches knows a directory by the file's number, not by its path: the 9p client of Linux 6.1 gives a second
 * path of the same directory the first one's handle, which means the first one's path. So a source has one path, which
 * stays as long as the VM; and a source inside another one, or around it, is not cached.
 */
export class CachedBinds {
  readonly #bySource = new Map<string, Promise<ShareBinding>>();

  /**
   * @param source its real path
   * @param make binds it; told whether the guest may cache it
   */
  bind(
    source: string,
    make: (mayBeCached: boolean) => Promise<ShareBinding>,
  ): Promise<ShareBinding> {
    const known = this.#bySource.get(source);
    if (known !== undefined) return known;
    if ([...this.#bySource.keys()].some((other) => overlap(source, other))) return make(false);
    const made = make(true);
    this.#bySource.set(source, made);
    made.catch(() => this.#bySource.delete(source));
    return made;
  }
}

function overlap(one: string, other: string): boolean {
  const relative = path.relative(one, other);
  const isBelow = (way: string): boolean => way !== '..' && !way.startsWith('../');
  return isBelow(relative) || isBelow(path.relative(other, one));
}
