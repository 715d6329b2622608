// The guest's memory as a file: made for a template, and opened read-only for its clones.
import { open, rm } from 'node:fs/promises';
import { jailUserId } from '../../../base/namespaces/jail.js';
import { Undo } from '../../../base/undo.js';
import type { VmPlan } from '../hypervisor.js';

/** Names the file to the preloaded library (guest-image/read-only-memory.c). */
const memoryFileVariable = 'VIRTC_MEMORY_FILE';

/** Where the library is in the jail, whatever the image's directory is called: `LD_PRELOAD` parts names at spaces and colons. */
const preloadPlace = '/read-only-memory.so';

/** Makes the file, sparse, for the user that QEMU has in its jail; on failure it is not there. */
export async function makeMemoryFile(file: string, memoryMiB: number): Promise<void> {
  await Undo.run(async (undo) => {
    const handle = await open(file, 'wx', 0o600);
    undo.add(`remove ${file}`, () => rm(file, { force: true }));
    try {
      await handle.truncate(memoryMiB * 1024 * 1024);
      await handle.chown(jailUserId, jailUserId);
    } finally {
      await handle.close();
    }
  });
}

/**
 * What QEMU's environment holds for the sake of its memory. QEMU opens the file of a private mapping for writing, which a
 * read-only bind refuses; and gives pages back by punching holes into it, which its own mapping does not need.
 */
export function memoryEnvironment({ origin }: VmPlan): Readonly<Record<string, string>> {
  if (origin.kind !== 'clone') return {};
  return { LD_PRELOAD: preloadPlace, [memoryFileVariable]: origin.template.memory };
}

/** The links that QEMU's jail has for the sake of its memory. */
export function memoryLinks({ origin, image }: VmPlan): Readonly<Record<string, string>> {
  return origin.kind === 'clone' ? { [preloadPlace]: image.memoryPreload } : {};
}
