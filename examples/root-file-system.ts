// Where the examples find a root file system: the first argument, else $ROOTFS.

/** A directory with a Debian system in it; `npm run demo` makes one. */
export function rootFileSystem(): string {
  const directory = process.argv[2] ?? process.env['ROOTFS'];
  if (directory !== undefined && directory !== '') return directory;
  console.error('usage: node <example>.js DIR   (or set ROOTFS): DIR holds a root file system');
  process.exit(2);
}
