// The library that QEMU is started with where it clones a template: the template's memory is then opened for reading only.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './run-program.js';

/** What decides about this part beside read-only-memory.c; raise the revision when the way of building changes. */
export const memoryPreloadRecipe = {
  revision: 1,
  compiler: [
    ...['-shared', '-fPIC', '-Os', '-s', '-Wall', '-Wextra', '-Werror'],
    '-Wl,-z,defs,-z,now',
  ],
} as const;

export interface MemoryPreloadOptions {
  /** The library's source. */
  readonly source: string;
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/** Puts `read-only-memory.so` into `directory`. */
export async function buildMemoryPreload(
  directory: string,
  { source, scratch, signal }: MemoryPreloadOptions,
): Promise<Readonly<Record<string, string>>> {
  const work = await mkdtemp(path.join(scratch, 'preload-'));
  const file = path.join(work, 'read-only-memory.c');
  await writeFile(file, source);
  const library = path.join(directory, 'read-only-memory.so');
  await runProgram('gcc', [...memoryPreloadRecipe.compiler, '-o', library, file], {
    what: "cannot compile QEMU's part of templates",
    signal,
  });
  await rm(work, { recursive: true });
  return {};
}
