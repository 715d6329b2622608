// Writes the archive that the kernel unpacks as its first file system (cpio, "newc").
// See Documentation/driver-api/early-userspace/buffer-format.rst of Linux.

export type CpioEntry =
  | { readonly kind: 'directory'; readonly name: string }
  | {
      readonly kind: 'file';
      /** Relative, without a leading slash; its directory comes before it. */
      readonly name: string;
      readonly data: Uint8Array;
      readonly executable?: boolean;
    }
  | {
      readonly kind: 'character-device';
      readonly name: string;
      readonly major: number;
      readonly minor: number;
    };

const modes = { directory: 0o040755, file: 0o100444, executable: 0o100555, device: 0o020600 };

/** One archive. Archives one after another are unpacked in that order. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const members = entries.map((entry, index) => member(entry, index + 1));
  members.push(header({ name: 'TRAILER!!!', inode: 0, mode: 0, sizeBytes: 0, device: [0, 0] }));
  return Buffer.concat(members);
}

function member(entry: CpioEntry, inode: number): Buffer {
  const { name } = entry;
  const plain = { name, inode, sizeBytes: 0, device: [0, 0] as const };
  switch (entry.kind) {
    case 'directory':
      return header({ ...plain, mode: modes.directory });
    case 'character-device':
      return header({ ...plain, mode: modes.device, device: [entry.major, entry.minor] });
    case 'file': {
      const mode = entry.executable === true ? modes.executable : modes.file;
      const head = header({ ...plain, mode, sizeBytes: entry.data.length });
      return pad(Buffer.concat([head, entry.data]));
    }
  }
}

interface Header {
  readonly name: string;
  readonly inode: number;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly device: readonly [number, number];
}

function header({ name, inode, mode, sizeBytes, device }: Header): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  // inode, mode, uid, gid, links, mtime, size, device of the archive, device of the node, length of the name, no checksum
  const fields = [inode, mode, 0, 0, 1, 0, sizeBytes, 0, 0, ...device, nameBytes.length, 0];
  const text = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return pad(Buffer.concat([Buffer.from(`070701${text}`), nameBytes]));
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
