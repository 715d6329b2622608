// Which cgroup hierarchies the host has and where in them this process is.
import { readFileSync } from 'node:fs';
import path from 'node:path';

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

const fromOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_all, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );

interface CgroupMount {
  readonly version: 1 | 2;
  readonly root: string;
  readonly mountPoint: string;
  readonly superOptions: readonly string[];
}

function parseMount(line: string): CgroupMount | null {
  const [before = '', after = ''] = line.split(' - ', 2);
  const [, , , root, mountPoint] = before.split(' ');
  const [type, , superOptions = ''] = after.split(' ');
  if ((type !== 'cgroup' && type !== 'cgroup2') || root === undefined || mountPoint === undefined) {
    return null;
  }
  return {
    version: type === 'cgroup2' ? 2 : 1,
    root: fromOctal(root),
    mountPoint: fromOctal(mountPoint),
    superOptions: superOptions.split(','),
  };
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
  const mounts = mountinfo
    .split('\n')
    .map(parseMount)
    .filter((mount) => mount !== null);
  return mounts.flatMap(({ version, root, mountPoint, superOptions }) => {
    const place = places.find(({ controllers }) =>
      version === 2
        ? controllers.length === 0
        : controllers.length > 0 && controllers.every((name) => superOptions.includes(name)),
    );
    if (place === undefined) return [];
    const relative = path.posix.relative(root, place.path);
    const inside = relative === '..' || relative.startsWith('../') ? '' : relative;
    const own = path.posix.join(mountPoint, inside);
    return [{ version, controllers: place.controllers, mountPoint, own }];
  });
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
