// Shares in memory: which sources are bound, and whether anything is left.
import { existsSync } from 'node:fs';
import { VirtcontainersError } from '../base/errors.js';
import type { BindOptions, PodShare, Share, ShareBinding, ShareTree } from '../host/share/share.js';
import type { ShareHandle } from '../model/handle.js';

export class FakeShare implements Share {
  /** Directories of shares that exist. */
  readonly open = new Set<string>();
  /** What is bound now, by its path in the guest. */
  readonly bound = new Map<string, BindOptions>();

  trees(runDirectory: string): readonly ShareTree[] {
    const directory = `${runDirectory}/share`;
    return [
      { tag: 'virtc-ro', directory: `${directory}/ro`, readOnly: true },
      { tag: 'virtc-rw', directory: `${directory}/rw`, readOnly: false },
    ];
  }

  async create(options: {
    readonly podId: string;
    readonly runDirectory: string;
  }): Promise<PodShare> {
    const directory = `${options.runDirectory}/share`;
    this.open.add(directory);
    return new FakePodShare(this, {
      handle: { kind: 'share', directory },
      trees: this.trees(options.runDirectory),
    });
  }

  async release(handle: ShareHandle): Promise<void> {
    this.open.delete(handle.directory);
    for (const path of this.bound.keys()) {
      if (path.startsWith(`${handle.directory}/`)) this.bound.delete(path);
    }
  }
}

class FakePodShare implements PodShare {
  readonly handle: ShareHandle;
  readonly trees: readonly ShareTree[];
  readonly #share: FakeShare;
  #attached = false;
  #next = 0;

  constructor(
    share: FakeShare,
    own: { readonly handle: ShareHandle; readonly trees: readonly ShareTree[] },
  ) {
    this.#share = share;
    this.handle = own.handle;
    this.trees = own.trees;
  }

  attach(): void {
    this.#attached = true;
  }

  async bind(options: BindOptions): Promise<ShareBinding> {
    const what = `cannot share ${options.source}`;
    if (!this.#attached)
      throw new VirtcontainersError('invalid-state', `${what}: there is no VM yet`);
    if (!existsSync(options.source)) {
      throw new VirtcontainersError('not-found', `${what}: it does not exist`);
    }
    const binding = {
      tag: options.cached ? 'virtc-ro' : 'virtc-rw',
      cached: options.cached,
      path: String(this.#next++),
    };
    this.#share.bound.set(this.#key(binding), options);
    return binding;
  }

  async unbind(binding: ShareBinding): Promise<void> {
    this.#share.bound.delete(this.#key(binding));
  }

  async close(): Promise<void> {
    await this.#share.release(this.handle);
  }

  #key(binding: ShareBinding): string {
    return `${this.handle.directory}/${binding.tag}/${binding.path}`;
  }
}
