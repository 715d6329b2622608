// Finds the folder of this package, from its build output or from a bundle.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { VirtcontainersError } from '../src/base/errors.js';

/** Absolute path of the folder that holds package.json. */
export function packageRoot(): string {
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) {
      throw new VirtcontainersError(
        'internal',
        `cannot find package of ${start}: no folder above it has a package.json`,
      );
    }
  }
}
