// The control groups (version 2) of containers: made by crun below one of the agent's, emptied and removed here.
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { sleep } from '../../base/deadline.js';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import { limitContainersMemory } from './containers-memory.js';

const mountPoint = '/sys/fs/cgroup';
const parent = 'virtc';
const controllers = ['cpuset', 'cpu', 'io', 'memory', 'pids'];
/** How long killed processes may take to leave, in milliseconds: an emulated VM under load is slow, not stuck. */
const emptyTimeoutMs = 15_000;
/** Rounds in which a signal looks for processes that were made meanwhile. */
const signalRounds = 8;
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

/** The control group of one container, whether it exists or not. */
export class Cgroup {
  /** As the OCI specification names it. */
  readonly path: string;
  readonly #freezeTimeoutMs: number;
  /** Its directory. */
  readonly folder: string;

  /** @param options.root where cgroups are mounted @param options.freezeTimeoutMs longest wait for a freeze */
  constructor(
    containerId: string,
    options: { readonly root?: string; readonly freezeTimeoutMs?: number } = {},
  ) {
    this.path = `/${parent}/${containerId}`;
    this.folder = `${options.root ?? mountPoint}${this.path}`;
    this.#freezeTimeoutMs = options.freezeTimeoutMs ?? freezeTimeoutMs;
  }

  /** Sends a signal to every process of the group and of those below it. */
  signalAll(signal: number): void {
    const SIGKILL = 9;
    if (signal === SIGKILL && this.#write('cgroup.kill', '1')) return;
    const seen = new Set<number>();
    for (let round = 0; round < signalRounds; round++) {
      const fresh = this.#pids(this.folder).filter((pid) => !seen.has(pid));
      if (fresh.length === 0) return;
      for (const pid of fresh) {
        seen.add(pid);
        signalPid(pid, signal);
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
    const deadline = performance.now() + this.#freezeTimeoutMs;
    for (let pauseMs = 1; !this.#isFrozen(); pauseMs = Math.min(pauseMs * 2, 50)) {
      if (readIfThere(`${this.folder}/cgroup.freeze`).trim() !== '1') {
        throw new VirtcontainersError('invalid-state', `${what}: it was resumed or removed`);
      }
      if (performance.now() > deadline) {
        this.thaw();
        const reason = `its processes do not stand still within ${this.#freezeTimeoutMs} ms`;
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
