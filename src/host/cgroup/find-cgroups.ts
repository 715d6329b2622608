// Finds the cgroups of a pod whose record is lost.
import { type Dirent, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { controllers, hostHierarchies, parentName } from './hierarchies.js';

/** Bounds of the search. */
const searchDepth = 10;
const searchDirectories = 20_000;

/** Finds a pod's cgroups wherever in the hierarchies an owner has made them. */
export function findCgroups(podId: string): readonly string[] {
  const roots = hostHierarchies()
    .filter(
      ({ version, controllers: has }) =>
        version === 2 || controllers.some((name) => has.includes(name)),
    )
    .map(({ mountPoint }) => mountPoint);
  const budget = { left: searchDirectories };
  const found = [...new Set(roots)].flatMap((root) => parentsBelow(root, searchDepth, budget));
  return found
    .map((parent) => path.join(parent, podId))
    .filter((directory) => existsSync(directory));
}

function parentsBelow(
  directory: string,
  depth: number,
  budget: { left: number },
): readonly string[] {
  const names = subdirectories(directory);
  return names.flatMap((name) => {
    budget.left -= 1;
    const below = path.join(directory, name);
    if (name === parentName) return [below];
    return depth > 0 && budget.left > 0 ? parentsBelow(below, depth - 1, budget) : [];
  });
}

function subdirectories(directory: string): readonly string[] {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
