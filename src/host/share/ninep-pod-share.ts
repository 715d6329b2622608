// A live pod's share: sources bound into its two trees, in the mount namespace of the VM's process.
import { closeSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { isVirtcontainersError, VirtcontainersError } from '../../base/errors.js';
import { attachMount, detachMount } from '../../base/namespaces/mounts.js';
import type { ShareHandle } from '../../model/handle.js';
import { CachedBinds } from './cached-binds.js';
import { checkSource, cloneSource } from './clone-source.js';
import type { BindOptions, PodShare, ShareBinding, ShareTree } from './share.js';
import {
  isMountPointName,
  makeMountPoint,
  removeMountPoint,
  removeShareDirectory,
} from './share-directory.js';

/** Where the binds live: a process in the VM's mount namespace, or nowhere (a VM that is none). */
type Place =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'none' }
  | { readonly kind: 'namespace'; readonly pid: number };
type KnownPlace = Exclude<Place, { readonly kind: 'unknown' }>;

/** See `PodShare`. Without a mount namespace a bind makes its mount point only. */
export class NinePPodShare implements PodShare {
  readonly handle: ShareHandle;
  readonly trees: readonly ShareTree[];
  readonly #podId: string;
  readonly #cached = new CachedBinds();
  #place: Place = { kind: 'unknown' };

  constructor(options: {
    readonly podId: string;
    readonly handle: ShareHandle;
    readonly trees: readonly ShareTree[];
  }) {
    this.#podId = options.podId;
    this.handle = options.handle;
    this.trees = options.trees;
  }

  attach(mountNamespacePid: number | null): void {
    this.#place =
      mountNamespacePid === null ? { kind: 'none' } : { kind: 'namespace', pid: mountNamespacePid };
  }

  async bind(options: BindOptions): Promise<ShareBinding> {
    const { source, readOnly, cached } = options;
    if (cached && !readOnly) {
      const reason = 'what the guest may cache must be read-only';
      throw new VirtcontainersError('invalid-argument', `cannot bind ${source}: ${reason}`);
    }
    const place = this.#placeFor(`bind ${source}`);
    if (!cached) return this.#bind(place, options);
    await checkSource(source, `cannot bind ${source}`);
    return this.#cached.bind(await realpath(source), (mayBeCached) =>
      this.#bind(place, { ...options, cached: mayBeCached }),
    );
  }

  async #bind(place: KnownPlace, options: BindOptions): Promise<ShareBinding> {
    const { source, readOnly, cached } = options;
    const tree = this.#tree((one) => one.readOnly === cached);
    if (place.kind === 'none') {
      const kind = await checkSource(source, `cannot bind ${source}`);
      return { tag: tree.tag, cached, path: makeMountPoint(tree.directory, kind) };
    }
    const { mountFd, kind } = await cloneSource({ source, readOnly, pid: place.pid });
    try {
      const path = makeMountPoint(tree.directory, kind);
      try {
        await attachMount({ pid: place.pid, mountFd, root: tree.directory, path });
      } catch (error) {
        removeMountPoint(tree.directory, path);
        throw error;
      }
      return { tag: tree.tag, cached, path };
    } finally {
      closeSync(mountFd);
    }
  }

  async unbind(binding: ShareBinding): Promise<void> {
    const { tag, path } = binding;
    const place = this.#placeFor(`unbind ${tag}/${path}`);
    if (!isMountPointName(path)) {
      const reason = 'it is no mount point of a share';
      throw new VirtcontainersError('invalid-argument', `cannot unbind ${tag}/${path}: ${reason}`);
    }
    if (binding.cached) return;
    const tree = this.#tree((one) => one.tag === tag);
    if (place.kind === 'namespace') await detachUnlessGone(place.pid, tree.directory, path);
    removeMountPoint(tree.directory, path);
  }

  async close(): Promise<void> {
    removeShareDirectory(this.handle.directory);
  }

  #placeFor(verb: string): KnownPlace {
    if (this.#place.kind !== 'unknown') return this.#place;
    throw new VirtcontainersError(
      'invalid-state',
      `cannot ${verb}: the VM of pod ${this.#podId} is not started`,
    );
  }

  #tree(matches: (tree: ShareTree) => boolean): ShareTree {
    const tree = this.trees.find(matches);
    if (tree !== undefined) return tree;
    throw new VirtcontainersError('not-found', `pod ${this.#podId} has no such share`);
  }
}

// With the VM's process its mounts are gone as well.
async function detachUnlessGone(pid: number, root: string, path: string): Promise<void> {
  try {
    await detachMount({ pid, root, path });
  } catch (error) {
    // `invalid-state`: another process has its pid by now.
    const isGone = isVirtcontainersError(error) && /unavailable|invalid-state/.test(error.code);
    if (!isGone) throw error;
  }
}
