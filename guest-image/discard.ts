// Removes directories in two steps, so that nobody ever finds half of one under its name.
import { lstat, mkdtemp, rename } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../src/base/errors.js';

/** Moves a directory into `scratch`, which is removed in the end; does nothing if there is none. */
export async function discard(directory: string, scratch: string): Promise<void> {
  const grave = await mkdtemp(path.join(scratch, 'discarded-'));
  try {
    await rename(directory, path.join(grave, path.basename(directory)));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Discards those of the `names` in `directory` that are neither among the `keep` last changed nor younger than `keptForMs`. */
export async function discardOldest(
  names: readonly string[],
  options: {
    readonly directory: string;
    readonly scratch: string;
    readonly keep: number;
    readonly keptForMs: number;
  },
): Promise<void> {
  const { directory, scratch, keep, keptForMs } = options;
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await lstat(path.join(directory, name))).mtimeMs })),
  );
  aged.sort((one, other) => other.at - one.at);
  for (const { name, at } of aged.slice(keep)) {
    if (Date.now() - at >= keptForMs) await discard(path.join(directory, name), scratch);
  }
}
