// Reads the kernel's list of mounts (/proc/<pid>/mountinfo, proc(5)).

export interface MountEntry {
  /** What of the file system is mounted: a path inside it. */
  readonly root: string;
  readonly mountPoint: string;
  /** The file system's type, for example `ext4`. */
  readonly type: string;
  readonly superOptions: readonly string[];
}

// Blanks, tabs, newlines and backslashes are written as three octal digits.
const fromOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );

/** One entry per mount, in the order they were made; lines that cannot be understood are left out. */
export function parseMountinfo(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ', 2);
    const [, , , root, mountPoint] = before.split(' ');
    const [type = '', , superOptions = ''] = after.split(' ');
    if (root === undefined || mountPoint === undefined || type === '') return [];
    return [
      {
        root: fromOctal(root),
        mountPoint: fromOctal(mountPoint),
        type,
        superOptions: superOptions.split(','),
      },
    ];
  });
}
