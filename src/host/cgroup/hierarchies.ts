// Which cgroup hierarchies the host has and where in them this process is.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseMountinfo } from '../../base/mountinfo.js';

/** All cgroups of pods lie in directories of this name. */
export const parentName = 'virtcontainers';
/** What a pod is bounded by. */
export const controllers = ['memory', 'pids'] as const;

/** A mounted hierarchy and this process' place in it. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Of version 1: what it limits. Empty for version 2, which says so in `cgroup.controllers`. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** Absolute path of the cgroup that this process is in. */
  readonly own: string;
}

/** Lines of /proc/self/cgroup: `id:controllers:path`, controllers empty for version 2. */
function parseMemberships(text: string): { controllers: string[]; path: string }[] {
  return text
    .split('\n')
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, controllers = '', place = '/']) => ({
      controllers: controllers === '' ? [] : controllers.split(','),
      path: place,
    }));
}

/**
 * Matches mounts with memberships. A container sees only a part of a hierarchy: the mount's root is then cut off the
 * path, and a path outside of it (a foreign cgroup namespace) means the mount point itself.
 */
export function findHierarchies(mountinfo: string, memberships: string): readonly Hierarchy[] {
  const places = parseMemberships(memberships);
  const mounts = parseMountinfo(mountinfo).filter(({ type }) => /^cgroup2?$/.test(type));
  const found = mounts.flatMap(({ type, root, mountPoint, superOptions }) => {
    const version = type === 'cgroup2' ? 2 : 1;
    const place = places.find(({ controllers }) =>
      version === 2
        ? controllers.length === 0
        : controllers.length > 0 && controllers.every((name) => superOptions.includes(name)),
    );
    if (place === undefined) return [];
    const relative = path.posix.relative(root, place.path);
    const inside = relative === '..' || relative.startsWith('../') ? '' : relative;
    const own = path.posix.join(mountPoint, inside);
    return [{ version, controllers: place.controllers, mountPoint, own }] as const;
  });
  // One that is mounted in several places is still one: its first mount counts.
  const kinds = found.map(({ version, controllers }) => `${version}:${controllers.join()}`);
  return found.filter((_, index) => kinds.indexOf(kinds[index] ?? '') === index);
}

/** The cgroup and those above it, up to the mount point. */
export function withAncestors({ own, mountPoint }: Hierarchy): readonly string[] {
  const all = [own];
  for (let at = own; at !== mountPoint && at !== '/'; ) {
    at = path.posix.dirname(at);
    all.push(at);
  }
  return all;
}

/** Those of this host; none where it tells nothing about cgroups. */
export function hostHierarchies(): readonly Hierarchy[] {
  try {
    return findHierarchies(
      readFileSync('/proc/self/mountinfo', 'utf8'),
      readFileSync('/proc/self/cgroup', 'utf8'),
    );
  } catch {
    return [];
  }
}
