// Shares host directories by 9p: two trees per pod, whose mounts live in the VM's mount namespace.
import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { errnoOf, reasonOf, VirtcontainersError } from '../../base/errors.js';
import type { ShareHandle } from '../../model/handle.js';
import { NinePPodShare } from './ninep-pod-share.js';
import type { PodShare, Share, ShareTree } from './share.js';
import { removeShareDirectory, shareDirectoryName } from './share-directory.js';

/**
 * Both trees are roots that hold nothing but mount points and that the jail binds read-only. `virtc-ro` is for trees
 * that do not change and that the guest may cache, `virtc-rw` for all others.
 */
function treesIn(directory: string): readonly ShareTree[] {
  return [
    { tag: 'virtc-ro', directory: path.join(directory, 'ro'), readOnly: true },
    { tag: 'virtc-rw', directory: path.join(directory, 'rw'), readOnly: false },
  ];
}

/** Makes shares; it has no options and no state of its own. */
export class NinePShare implements Share {
  trees(runDirectory: string): readonly ShareTree[] {
    return treesIn(path.join(runDirectory, shareDirectoryName));
  }

  async create(options: {
    readonly podId: string;
    readonly runDirectory: string;
  }): Promise<PodShare> {
    const directory = path.join(options.runDirectory, shareDirectoryName);
    const handle: ShareHandle = { kind: 'share', directory };
    const trees = this.trees(options.runDirectory);
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      throw createError(options.podId, directory, error);
    }
    try {
      // Owned by root, so that not even a QEMU that was taken over could change them; the umask is the caller's own.
      for (const tree of trees) {
        mkdirSync(tree.directory);
        chmodSync(tree.directory, 0o755);
      }
    } catch (error) {
      removeShareDirectory(directory);
      throw createError(options.podId, directory, error);
    }
    return new NinePPodShare({ podId: options.podId, handle, trees });
  }

  async release(handle: ShareHandle): Promise<void> {
    removeShareDirectory(handle.directory);
  }
}

function createError(podId: string, directory: string, error: unknown): VirtcontainersError {
  const exists = errnoOf(error) === 'EEXIST';
  return new VirtcontainersError(
    exists ? 'already-exists' : 'internal',
    `cannot create share of pod ${podId}: ${exists ? `${directory} is already there` : reasonOf(error)}`,
    { cause: error },
  );
}
