// Makes a pod's cgroups, with bounds on memory and processes.
import { existsSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { errnoOf, reasonOf } from '../../base/errors.js';
import { type Logger, silentLogger } from '../../base/log.js';
import { makeDirectory } from '../../base/make-directory.js';
import {
  controllers,
  type Hierarchy,
  hostHierarchies,
  parentName,
  withAncestors,
} from './hierarchies.js';
import { setMemoryBound } from './memory-bound.js';

export interface PodCgroupOptions {
  readonly podId: string;
  readonly memoryMaxBytes: number;
  readonly pidsMax: number;
  readonly log?: Logger;
}

/**
 * Makes a pod's cgroups below this process' own, so that bounds set on that hold for the pod as well.
 * @returns absolute paths; empty where the host allows none, with the reason in the debug log
 */
export function createPodCgroup(options: PodCgroupOptions): readonly string[] {
  const log = options.log ?? silentLogger;
  const made: string[] = [];
  for (const create of plans(hostHierarchies(), options)) {
    try {
      made.push(create());
    } catch (error) {
      log.debug({ subsystem: 'cgroup', pod: options.podId }, `no cgroup: ${reasonOf(error)}`);
    }
  }
  return made;
}

// Version 2 where it limits memory and processes, else version 1, else version 2 without bounds: it still keeps
// together what must be killed together.
function plans(found: readonly Hierarchy[], options: PodCgroupOptions): readonly (() => string)[] {
  const unified = found.find(({ version }) => version === 2);
  const legacy = controllers.flatMap((name) =>
    found.filter((one) => one.controllers.includes(name)),
  );
  const limits = unified !== undefined && hasAll(unified.mountPoint, unified.own);
  if (unified !== undefined && (limits || legacy.length === 0)) {
    return [() => createUnifiedCgroup(unified, options)];
  }
  return [...new Set(legacy)].map((hierarchy) => () => createLegacyCgroup(hierarchy, options));
}

function hasAll(mountPoint: string, own: string): boolean {
  const file = [own, mountPoint].map((at) => path.join(at, 'cgroup.controllers')).find(existsSync);
  return file !== undefined && namesIn(file, controllers);
}

function namesIn(file: string, names: readonly string[]): boolean {
  const words = readFileSync(file, 'utf8').trim().split(' ');
  return names.every((name) => words.includes(name));
}

/** Makes a cgroup of version 2, with bounds where some cgroup from this process' own upward can hand them down. */
export function createUnifiedCgroup(hierarchy: Hierarchy, options: PodCgroupOptions): string {
  const delegating = withAncestors(hierarchy).find((at) =>
    delegates(at, at === hierarchy.mountPoint),
  );
  const parent = path.join(delegating ?? hierarchy.own, parentName);
  const directory = makePodDirectory(parent, options.podId, () => {
    if (delegating !== undefined) enable(parent);
  });
  if (delegating !== undefined) {
    boundMemory(directory, options.memoryMaxBytes);
    bound(directory, 'pids.max', options.pidsMax);
  }
  return directory;
}

// A cgroup with processes of its own cannot hand controllers down (the root can), and what others have not
// switched on above us is not ours to switch on.
function delegates(directory: string, isTop: boolean): boolean {
  try {
    if (namesIn(path.join(directory, 'cgroup.subtree_control'), controllers)) return true;
    if (!isTop) return false;
    enable(directory);
    return true;
  } catch {
    return false;
  }
}

function enable(directory: string): void {
  const line = controllers.map((name) => `+${name}`).join(' ');
  writeFileSync(path.join(directory, 'cgroup.subtree_control'), line);
}

function createLegacyCgroup(hierarchy: Hierarchy, options: PodCgroupOptions): string {
  const parent = path.join(hierarchy.own, parentName);
  const directory = makePodDirectory(parent, options.podId, () => {});
  if (hierarchy.controllers.includes('memory')) boundMemory(directory, options.memoryMaxBytes);
  if (hierarchy.controllers.includes('pids')) bound(directory, 'pids.max', options.pidsMax);
  return directory;
}

// Another pod's removal may take the parent away in between.
function makePodDirectory(parent: string, podId: string, prepare: () => void): string {
  const directory = path.join(parent, podId);
  for (let attempt = 0; ; attempt += 1) {
    try {
      makeDirectory(parent, 0o755);
      prepare();
      makeDirectory(directory, 0o755);
      return directory;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || attempt === 10) throw error;
    }
  }
}

function boundMemory(directory: string, bytes: number): void {
  orRemove(directory, () => setMemoryBound([directory], bytes));
}

function bound(directory: string, file: string, value: number): void {
  orRemove(directory, () => writeFileSync(path.join(directory, file), String(value)));
}

function orRemove(directory: string, step: () => void): void {
  try {
    step();
  } catch (error) {
    rmdirSync(directory);
    throw error;
  }
}
