// Where the shim's program lies, and how Node runs it with little memory.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { VirtcontainersError } from '../../base/errors.js';

/**
 * What Node is given before the program: one thread for V8's background work instead of four, and a young generation that
 * grows no further than it begins. With one arena of the C library's and without V8's optimizing compiler
 * (`frontends/shim/little-memory.ts`), an idle shim has 20 MB of its own instead of 23, half of them bare Node with a thread.
 */
export const shimNodeFlags: readonly string[] = ['--v8-pool-size=1', '--max-semi-space-size=1'];
/** What the C library is given. */
export const shimMallocVariables: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' };

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
