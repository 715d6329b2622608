// The control groups (version 2) of containers: made by crun below one of the agent's, emptied and removed here.
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { sleep } from '../../base/deadline.js';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import type { ProcessGroup } from '../doors.js';
import { limitContainersMemory } from './containers-memory.js';

const mountPoint = '/sys/fs/cgroup';
const parent = 'virtc';
const controllers = ['cpuset', 'cpu', 'io', 'memory', 'pids'];
/** How long killed processes may take to leave, in milliseconds: an emulated VM under load is slow, not stuck. */
const emptyTimeoutMs = 15_000;
/** Rounds in which a signal, or a move, looks for processes that were made meanwhile. */
const rounds = 8;
/** Most processes that are moved out of a group before it is left where it is: each move holds up the agent. */
const maxMoves = 256;
/** How long processes may take to stand still, in milliseconds: one that waits for a disk or a share does so first. */
const freezeTimeoutMs = 10_000;

/** Makes the parent of all containers' groups and gives it the controllers that there are, and its memory. */
export function prepareCgroups(): void {
  mkdirSync(`${mountPoint}/${parent}`, { recursive: true });
  const available = readFileSync(`${mountPoint}/cgroup.controllers`, 'utf8').trim().split(' ');
  const wanted = controllers.filter((name) => available.includes(name)).map((name) => `+${name}`);
  for (const group of [mountPoint, `${mountPoint}/${parent}`]) {
    writeFileSync(`${group}/cgroup.subtree_control`, wanted.join(' '));
  }
  shareMemory();
}

/** Gives all containers together what the machine's memory has for them: again where it has grown. */
export function shareMemory(): void {
  limitContainersMemory(`${mountPoint}/${parent}`);
}

/** What tests change. */
interface CgroupOptions {
  /** Where cgroups are mounted. */
  readonly root?: string;
  /** Longest wait for a freeze, in milliseconds. */
  readonly freezeTimeoutMs?: number;
}

/** A control group, whether it exists or not: a container's, or that of one process in it and what came from that. */
export class Cgroup implements ProcessGroup {
  /** As the OCI specification names it. */
  readonly path: string;
  /** Its directory. */
  readonly folder: string;
  readonly #options: CgroupOptions;

  private constructor(path: string, options: CgroupOptions) {
    this.path = path;
    this.folder = `${options.root ?? mountPoint}${path}`;
    this.#options = options;
  }

  static ofContainer(containerId: string, options: CgroupOptions = {}): Cgroup {
    return new Cgroup(`/${parent}/${containerId}`, options);
  }

  /** Makes one below: it has no controllers, so that all limits and counts stay those of this one. */
  makeBelow(name: string): Cgroup {
    const below = new Cgroup(`${this.path}/${name}`, this.#options);
    try {
      mkdirSync(below.folder);
    } catch (error) {
      // Left where it was, see `dissolve`.
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    return below;
  }

  /** Sends a signal to every process of the group and of those below it. */
  signalAll(signal: number): void {
    const SIGKILL = 9;
    if (signal === SIGKILL && this.#write('cgroup.kill', '1')) return;
    const seen = new Set<number>();
    for (let round = 0; round < rounds; round++) {
      const fresh = this.#pids(this.folder).filter((pid) => !seen.has(pid));
      if (fresh.length === 0) return;
      for (const pid of fresh) {
        seen.add(pid);
        signalPid(pid, signal);
      }
    }
  }

  hasAny(): boolean {
    return /^populated 1$/m.test(readIfThere(`${this.folder}/cgroup.events`));
  }

  /** Removes a group below another, which takes over what is left in it; what cannot be moved is removed with that one. */
  dissolve(): void {
    let moves = 0;
    for (let round = 0; round < rounds; round++) {
      if (this.#removeFolders(this.folder)) return;
      for (const pid of this.#pids(this.folder)) {
        if (++moves > maxMoves || !moveTo(dirname(this.folder), pid)) return;
      }
    }
  }

  /** How many processes in the group the kernel has killed for want of memory. */
  oomKills(): number {
    const events = readIfThere(`${this.folder}/memory.events`);
    return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
  }

  /** Every process of the group and of those below it. */
  pids(): readonly number[] {
    return this.#pids(this.folder);
  }

  /**
   * Stops what is in the group and in those below it; resolves when all of it stands still.
   * @throws VirtcontainersError `timeout`, and then it goes on; `invalid-state` if it was thawed meanwhile
   */
  async freeze(): Promise<void> {
    const what = `cannot pause cgroup ${this.path}`;
    if (!this.#write('cgroup.freeze', '1')) {
      throw new VirtcontainersError('not-found', `${what}: it is gone`);
    }
    const deadline = performance.now() + (this.#options.freezeTimeoutMs ?? freezeTimeoutMs);
    for (let pauseMs = 1; !this.#isFrozen(); pauseMs = Math.min(pauseMs * 2, 50)) {
      if (readIfThere(`${this.folder}/cgroup.freeze`).trim() !== '1') {
        throw new VirtcontainersError('invalid-state', `${what}: it was resumed or removed`);
      }
      if (performance.now() > deadline) {
        this.thaw();
        const reason = `its processes do not stand still within ${this.#options.freezeTimeoutMs ?? freezeTimeoutMs} ms`;
        throw new VirtcontainersError('timeout', `${what}: ${reason}`);
      }
      await sleep(pauseMs);
    }
  }

  /** Lets it go on; one that is gone is no error. */
  thaw(): void {
    this.#write('cgroup.freeze', '0');
  }

  #isFrozen(): boolean {
    return /^frozen 1$/m.test(readIfThere(`${this.folder}/cgroup.events`));
  }

  /** Kills what is in the group and removes it. */
  async remove(): Promise<void> {
    const SIGKILL = 9;
    const deadline = performance.now() + emptyTimeoutMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
      if (this.#removeFolders(this.folder)) return;
      this.signalAll(SIGKILL);
      if (this.#removeFolders(this.folder)) return;
      if (performance.now() > deadline) {
        const message = `cannot remove cgroup ${this.path}: its processes do not end`;
        throw new VirtcontainersError('timeout', message);
      }
      await sleep(pauseMs);
    }
  }

  #write(file: string, text: string): boolean {
    try {
      writeFileSync(`${this.folder}/${file}`, text);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  #pids(folder: string): readonly number[] {
    const own = readIfThere(`${folder}/cgroup.procs`).split('\n').filter(Boolean).map(Number);
    return [...own, ...subfolders(folder).flatMap((name) => this.#pids(`${folder}/${name}`))];
  }

  /** Removes a group and those that the container made below it; false while processes are in it. */
  #removeFolders(folder: string): boolean {
    try {
      rmdirSync(folder);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return true;
      if (errnoOf(error) !== 'EBUSY') throw error;
    }
    const below = subfolders(folder);
    if (below.length === 0) return false;
    const removed = below.map((name) => this.#removeFolders(`${folder}/${name}`));
    return removed.every(Boolean) && this.#removeFolders(folder);
  }
}

/** kill(2), for which a process that has ended is no error. */
export function signalPid(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

/** False where the group takes no processes: a container that may has given it controllers. */
function moveTo(folder: string, pid: number): boolean {
  try {
    writeFileSync(`${folder}/cgroup.procs`, String(pid));
    return true;
  } catch (error) {
    // It has ended.
    if (errnoOf(error) === 'ESRCH') return true;
    if (['ENOENT', 'EBUSY', 'EOPNOTSUPP', 'EAGAIN'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

function subfolders(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // A group that goes away while it is read says ENODEV.
    if (['ENOENT', 'ENODEV'].includes(errnoOf(error) ?? '')) return '';
    throw error;
  }
}
