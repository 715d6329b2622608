// Host directories that the guest sees.
import type { ShareHandle } from '../../model/handle.js';

/** A tree offered to the guest; the VM gets one device per tag. */
export interface ShareTree {
  readonly tag: string;
  readonly directory: string;
  readonly readOnly: boolean;
}

/** Makes the shares of pods. */
export interface Share {
  /** The trees of a pod with that run directory; nothing need be made for it. */
  trees(runDirectory: string): readonly ShareTree[];
  /** Makes a pod's export directory below `runDirectory`; on failure nothing is left. */
  create(options: { readonly podId: string; readonly runDirectory: string }): Promise<PodShare>;
  /** Removes what a handle names, also from another process, never following what a guest wrote; safe to repeat. */
  release(handle: ShareHandle): Promise<void>;
}

/** One bound source. */
export interface ShareBinding {
  readonly tag: string;
  /** Whether the guest may cache it: a tree that does not change under it. */
  readonly cached: boolean;
  /** Relative to the tree's root in the guest. */
  readonly path: string;
}

export interface BindOptions {
  /** Absolute path of a directory or regular file on the host; links in it are the caller's and followed. */
  readonly source: string;
  /** Enforced on the host. */
  readonly readOnly: boolean;
  /**
   * The guest may cache it: for trees that do not change while the VM lives, as it stays bound until then. Requires
   * `readOnly`. The binding says whether it is cached: a tree inside another cached one, or around it, is not.
   */
  readonly cached: boolean;
}

/** A live pod's share. */
export interface PodShare {
  readonly handle: ShareHandle;
  readonly trees: readonly ShareTree[];
  /** Tells in which process' mount namespace the binds live; before that `bind` is refused. */
  attach(mountNamespacePid: number | null): void;
  /**
   * Binds a source into a tree, in the VM's mount namespace.
   * @throws VirtcontainersError `not-found`, `invalid-argument`, `unsupported` (the file system cannot be mapped)
   */
  bind(options: BindOptions): Promise<ShareBinding>;
  unbind(binding: ShareBinding): Promise<void>;
  /** Releases the handle; the VM must be gone. */
  close(): Promise<void>;
}
