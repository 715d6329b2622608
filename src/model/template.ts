// Templates as programs see them: booted VMs kept as files, from which pods are cloned.
import type { AbortOptions, Duration, Size } from './options.js';
import type { ProgressEvent } from './progress.js';

/** A template on disk. */
export interface TemplateInfo {
  /** 32 hexadecimal digits: a hash of what shapes it. */
  readonly id: string;
  /** When it was made; ISO 8601, UTC. Null, as all that its manifest says, where that cannot be read. */
  readonly createdAt: string | null;
  /** When a pod was last cloned from it, to a minute; ISO 8601, UTC. */
  readonly lastUsedAt: string;
  /** Whether pods of this runtime would be cloned from it now. */
  readonly current: boolean;
  /** Id of the guest image that it has booted. */
  readonly guestImage: string | null;
  readonly qemuVersion: string | null;
  readonly accelerator: 'kvm' | 'tcg' | null;
  readonly cpus: number | null;
  readonly memoryMiB: number | null;
  /** What it takes on disk, in bytes. */
  readonly sizeBytes: number;
  /** How long it took to make, in milliseconds. */
  readonly buildMs: number | null;
  /** Why no pod can be cloned from it, in one sentence; null where nothing is wrong. */
  readonly problem: string | null;
}

/** How a template is made. */
export interface BuildTemplateOptions extends AbortOptions {
  /** Makes it anew where it is there already, and forgets that clones of it have failed. Default false. */
  readonly rebuild?: boolean;
  /** Told of each step. */
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** Which templates are removed. */
export interface PruneTemplatesOptions extends AbortOptions {
  /** Removes those that no pod was cloned from for so long, in milliseconds; the current one stays. Default 30 days. */
  readonly unusedForMs?: Duration;
  /** Removes the ones longest unused until the rest takes no more, in bytes; the current one stays. Default 4 GiB. */
  readonly maxBytes?: Size;
  /** Removes all, the current one too. Default false. */
  readonly all?: boolean;
}

/** What `prune` did. */
export interface PruneReport {
  readonly removed: readonly string[];
  readonly freedBytes: number;
  readonly failed: readonly { readonly id: string; readonly error: string }[];
}

/** The templates of one lib root. Pods that run go on where theirs is removed. */
export interface RuntimeTemplates {
  /** All that are there, the newest first, the damaged too. */
  list(options?: AbortOptions): Promise<readonly TemplateInfo[]>;
  /**
   * Makes the one that pods of this runtime are cloned from, or gives the one that is there.
   * @throws VirtcontainersError what the boot of its VM throws; on failure nothing is left
   */
  build(options?: BuildTemplateOptions): Promise<TemplateInfo>;
  /** @param id may be cut to its first digits @throws VirtcontainersError `not-found`; `invalid-argument` where several begin so */
  remove(id: string, options?: AbortOptions): Promise<void>;
  /** Removes those that nobody has used for long, and of the rest what is beyond a size. */
  prune(options?: PruneTemplatesOptions): Promise<PruneReport>;
}
