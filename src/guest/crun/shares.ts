// Mounts the trees that the host exports, each tag once, at its first use.
import { mkdirSync } from 'node:fs';
import { VirtcontainersError } from '../../base/errors.js';
import {
  type MountOptions,
  MS_NODEV,
  MS_RDONLY,
  mount,
  UMOUNT_NOFOLLOW,
  unmount,
} from '../../base/native/mounts.js';
import type { SharePath } from '../../wire/gen/agent_pb.js';

// 500000 is under the transport's cap of 512000, above which the kernel warns.
const common = 'trans=virtio,version=9p2000.L,msize=500000';

/** The kernel's part; tests put another in its place. */
export interface Mounts {
  readonly mount: (options: MountOptions) => void;
  readonly unmount: (target: string, flags: number) => void;
}

/** The mounted shares of this VM. */
export class Shares {
  readonly #folder: string;
  readonly #mounts: Mounts;
  readonly #mounted = new Map<string, boolean>();

  /** @param folder holds the mount points */
  constructor(folder: string, mounts: Mounts = { mount, unmount }) {
    this.#folder = folder;
    this.#mounts = mounts;
  }

  /** Mounts the path's share if need be. @returns where the path is in the guest */
  resolve({ share, path }: SharePath): string {
    if (share === undefined || !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$/.test(share.tag)) {
      throw refusal(JSON.stringify(share?.tag ?? ''), 'it is no share tag');
    }
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..') || path.includes('\0')) {
      throw refusal(JSON.stringify(path), 'it leads out of its share');
    }
    this.#mount(share.tag, share.cached);
    return [this.#folder, share.tag, ...parts].join('/');
  }

  /** Unmounts all of them; the next use mounts again. One that is in use stays, and is the error. */
  unmount(): void {
    for (const tag of this.#mounted.keys()) {
      this.#mounts.unmount(`${this.#folder}/${tag}`, UMOUNT_NOFOLLOW);
      this.#mounted.delete(tag);
    }
  }

  #mount(tag: string, cached: boolean): void {
    const known = this.#mounted.get(tag);
    if (known === cached) return;
    if (known !== undefined) throw refusal(tag, 'it is mounted with another kind of cache');
    const target = `${this.#folder}/${tag}`;
    mkdirSync(target, { recursive: true });
    this.#mounts.mount({
      source: tag,
      target,
      type: '9p',
      flags: MS_NODEV | (cached ? MS_RDONLY : 0),
      data: `${common},cache=${cached ? 'loose' : 'mmap'}`,
    });
    this.#mounted.set(tag, cached);
  }
}

function refusal(what: string, reason: string): VirtcontainersError {
  return new VirtcontainersError('invalid-argument', `cannot use share path ${what}: ${reason}`);
}
