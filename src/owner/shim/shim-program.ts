// Where the shim's program lies, and how Node runs it with little memory.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { VirtcontainersError } from '../../base/errors.js';

/** What Node is given before the program. */
export const shimNodeFlags: readonly string[] = [];

/**
 * The shim's bundle: beside the one that this code is in, or where the build puts it for the library.
 * @throws VirtcontainersError `internal` where the installation has none
 */
export function shimProgram(here: string = fileURLToPath(import.meta.url)): string {
  const folder = path.dirname(here);
  const bundles = path.basename(folder) === 'bin' ? folder : path.resolve(folder, '../../../bin');
  const program = path.join(bundles, 'shim.js');
  if (existsSync(program)) return program;
  throw new VirtcontainersError('internal', `cannot start a shim: ${program} does not exist`, {
    hint: 'the installation is not complete: install or build virtcontainers again',
  });
}
