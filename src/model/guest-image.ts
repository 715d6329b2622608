// A guest image: what its manifest says and what a VM is booted from.

/** The layout of `manifest.json` that this version writes and reads. */
export const guestImageFormat = 2;

/** The parts of an image that are files of their own. */
export const guestImageRoles = ['kernel', 'initrd', 'rootImage', 'memoryPreload'] as const;

export type GuestImageRole = (typeof guestImageRoles)[number];

/** One file of an image. Its hash is checked when it is installed, its stamp at each start. */
export interface GuestImageFile {
  /** Relative to the image's directory, without a slash. */
  readonly name: string;
  /** Hexadecimal. */
  readonly sha512: string;
  readonly sizeBytes: number;
  /** Decimal, as 64-bit numbers do not fit a JSON number. */
  readonly inode: string;
  /** Nanoseconds since the epoch, decimal. */
  readonly mtimeNs: string;
}

/** What `manifest.json` in an image's directory holds. */
export interface GuestImageManifest {
  readonly format: typeof guestImageFormat;
  /** Hash of all files and parameters: equal ids boot equal guests. */
  readonly id: string;
  readonly architecture: 'x86_64';
  /** Of each thing inside, for people: `{ kernel: '6.1.…', node: '…' }`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly kernelParameters: readonly string[];
  readonly files: Readonly<Record<GuestImageRole, GuestImageFile>>;
}

/** An image that was found whole: absolute paths, ready to boot. */
export interface GuestImage {
  readonly id: string;
  /** Absolute path of the directory that holds all files; a real one, not the link to the current image. */
  readonly directory: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly rootImage: string;
  /** Its size, which guests have in their address space. */
  readonly rootImageBytes: number;
  /** The library that QEMU opens a template's memory with: for reading only. */
  readonly memoryPreload: string;
  readonly kernelParameters: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}
