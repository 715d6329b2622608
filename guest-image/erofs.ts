// Packs a directory into an image that guests use where it lies, in memory that they share with the host.
import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { memoryBlockMiB } from '../src/model/limits.js';
import { runProgram } from './run-program.js';

/** What decides about an image beside its files. */
export const erofsRecipe = {
  layout: [
    // Files whose ends lie apart from the rest, and compressed ones, cannot be used where they are (DAX).
    '-Enoinline_data',
    // One time stamp, one identifier and one owner: equal contents give equal images.
    ...['-T', '0', '-U', '00000000-0000-4000-8000-000000000000', '--all-root'],
  ],
  /** Comes before the other files of its directory in the image, so that its size moves them. */
  filler: '.filler',
} as const;

/** What a guest's kernel can map at once instead of 4 KiB. */
const largePageBytes = 2 * 1024 * 1024;

export interface ErofsOptions {
  readonly root: string;
  /**
   * A program below `root` that is linked for fixed addresses: it begins at a large page, by which it is then mapped. This
   * saves a fifth of all page faults up to a container's first line, where the program is Node.
   */
  readonly program: string;
  readonly signal?: AbortSignal | undefined;
}

/** Makes the file `image`. */
export async function makeErofs(image: string, options: ErofsOptions): Promise<void> {
  const { root, program, signal } = options;
  const filler = path.join(root, path.dirname(program), erofsRecipe.filler);
  const make = async (fillerBytes: number): Promise<void> => {
    await writeFile(filler, Buffer.alloc(fillerBytes));
    await rm(image, { force: true });
    await runProgram('mkfs.erofs', [...erofsRecipe.layout, image, root], {
      what: 'cannot make file system image',
      signal,
    });
  };
  await make(0);
  const begin = (await readFile(path.join(root, program))).subarray(0, 4096);
  const place = (await readFile(image)).indexOf(begin);
  if (place % largePageBytes > 0) await make(largePageBytes - (place % largePageBytes));
  // Memory that is added to a guest comes behind the image, and Linux takes it only at multiples of a block.
  const blockBytes = memoryBlockMiB * 1024 * 1024;
  await truncate(image, Math.ceil((await stat(image)).size / blockBytes) * blockBytes);
}
