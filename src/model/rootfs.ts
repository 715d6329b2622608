// Where a container's root file system comes from.

/** A directory on the host as a container's root. */
export interface DirectoryRootfs {
  readonly kind: 'directory';
  /** Absolute path on the host. */
  readonly path: string;
  /** `discard`: writes go to the VM's memory and end with the container; `host`: they change the directory. */
  readonly writes: 'host' | 'discard';
}

/** A container's root; a union from the start, images and block devices join it. */
export type Rootfs = DirectoryRootfs;
