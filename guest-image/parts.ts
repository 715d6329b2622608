// The slow parts of an image, built once for each recipe and kept.
import { mkdir, readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { discard, discardOldest } from './discard.js';
import { hashData, hashFile } from './hash.js';

/** A part that is there and whole. */
export interface Part {
  readonly directory: string;
  /** Hash of the recipe. */
  readonly key: string;
  readonly versions: Readonly<Record<string, string>>;
  /** SHA-512 by the file's path relative to the directory. */
  readonly files: Readonly<Record<string, string>>;
  readonly built: boolean;
}

export interface PartRecipe {
  readonly name: string;
  /** Everything that decides what comes out, as plain data. */
  readonly inputs: unknown;
  /** Writes the part's files into an empty directory; gives the versions of what is inside. */
  readonly build: (directory: string) => Promise<Readonly<Record<string, string>>>;
}

export interface PartStore {
  /** Holds a directory for each part. */
  readonly directory: string;
  /** A directory for what is not finished; on the same file system. */
  readonly scratch: string;
  /** Builds anew what is there already. */
  readonly force: boolean;
}

/** Older parts kept for each name, so that going back to an earlier recipe costs nothing. */
const keptPerName = 2;
const description = 'part.json';

/** Gives a part: the kept one if all its files still have their hashes, else a new one. */
export async function ensurePart(store: PartStore, recipe: PartRecipe): Promise<Part> {
  const key = hashData(recipe.inputs);
  const directory = path.join(store.directory, `${recipe.name}-${key}`);
  if (!store.force) {
    const kept = await loadPart(directory, key);
    if (kept !== null) {
      const now = new Date();
      await utimes(directory, now, now);
      return kept;
    }
  }
  const unfinished = path.join(store.scratch, recipe.name);
  await mkdir(unfinished, { recursive: true });
  const versions = await recipe.build(unfinished);
  const files: Record<string, string> = {};
  for (const name of await filesBelow(unfinished)) {
    files[name] = await hashFile(path.join(unfinished, name));
  }
  await writeFile(
    path.join(unfinished, description),
    `${JSON.stringify({ versions, files }, null, 2)}\n`,
  );
  await mkdir(store.directory, { recursive: true });
  await discard(directory, store.scratch);
  await rename(unfinished, directory);
  return { directory, key, versions, files, built: true };
}

/** Removes parts that no recent recipe has used. */
export async function pruneParts(store: PartStore, used: readonly Part[]): Promise<void> {
  const usedNames = new Set(used.map((part) => path.basename(part.directory)));
  for (const { key, directory } of used) {
    const prefix = path.basename(directory).slice(0, -key.length);
    const others = (await readdir(store.directory)).filter(
      (name) => name.startsWith(prefix) && !usedNames.has(name),
    );
    await discardOldest(others, { ...store, keep: keptPerName - 1, keptForMs: 0 });
  }
}

async function loadPart(directory: string, key: string): Promise<Part | null> {
  const text = await readFile(path.join(directory, description), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const { versions, files } = JSON.parse(text) as Pick<Part, 'versions' | 'files'>;
    for (const [name, hash] of Object.entries(files)) {
      if ((await hashFile(path.join(directory, name))) !== hash) return null;
    }
    return { directory, key, versions, files, built: false };
  } catch {
    // Damaged in whatever way: it is built anew.
    return null;
  }
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort();
}
