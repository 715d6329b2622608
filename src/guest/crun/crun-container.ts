// A container that crun has created: its start, and the processes added to it.
import {
  closeSync,
  constants,
  openSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import { O_PATH } from '../../base/native/open-beneath.js';
import type { NewProcess, RuntimeContainer, RuntimeProcess } from '../doors.js';
import type { ContainerUsage, ProcessListing } from '../usage.js';
import type { Cgroup } from './cgroup.js';
import { readUsage } from './cgroup-usage.js';
import { checkExecutable } from './executable.js';
import type { ProcessMaker } from './process-maker.js';
import { listProcesses } from './processes.js';
import { type CompleteProcess, checkWorkingDirectory, completeProcess } from './spec.js';

export interface CrunContainerParts {
  readonly id: string;
  /** The container's own, for files of the moment. */
  readonly folder: string;
  readonly process: CompleteProcess;
  readonly init: RuntimeProcess;
  /** Where init waits for a byte before it executes its command. */
  readonly fifo: string;
  readonly cgroup: Cgroup;
  readonly maker: ProcessMaker;
}

/** Writes the byte for which init waits; the fifo's absence tells crun that the container runs. */
function release(fifo: string): void {
  const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    unlinkSync(fifo);
    writeSync(fd, '0');
  } finally {
    closeSync(fd);
  }
}

function closeAll(process: RuntimeProcess, group: Cgroup): void {
  process.close();
  group.dissolve();
}

/** A container of crun's. */
export class CrunContainer implements RuntimeContainer {
  readonly init: RuntimeProcess;
  readonly #parts: CrunContainerParts;
  readonly #running = new Set<Promise<unknown>>();

  constructor(parts: CrunContainerParts) {
    this.#parts = parts;
    this.init = parts.init;
    this.#watch(parts.init);
  }

  /** As `crun start`, without its process: checks what init will execute, then lets it. */
  async start(): Promise<void> {
    const { id, process, fifo } = this.#parts;
    this.#inRoot((rootFd) => checkExecutable(rootFd, process));
    try {
      release(fifo);
    } catch (error) {
      const gone = ['ENXIO', 'ENOENT', 'EPIPE'].includes(errnoOf(error) ?? '');
      const reason = gone ? 'its first process has ended' : 'its first process cannot be reached';
      const message = `cannot start container ${id}: ${reason}`;
      throw new VirtcontainersError('invalid-state', message, { cause: error });
    }
  }

  async exec(options: NewProcess): Promise<RuntimeProcess> {
    const { id, folder, maker, cgroup } = this.#parts;
    const process = this.#inRoot((rootFd) => {
      const complete = completeProcess(rootFd, options.process, options.terminalSize);
      checkWorkingDirectory(rootFd, complete.cwd);
      checkExecutable(rootFd, complete);
      return complete;
    });
    // No process id begins so, and none ends with an extension of crun's files.
    const scratch = `${folder}/_${options.id}`;
    const description = `${scratch}.json`;
    const name = `exec-${options.id}`;
    const group = cgroup.makeBelow(name);
    try {
      writeFileSync(description, JSON.stringify(process.json));
      const place = [`--process=${description}`, `--cgroup=${name}`];
      const made = await maker.make({
        process,
        stdin: options.stdin,
        scratch,
        args: (flags) => ['exec', '--detach', ...place, ...flags, id],
        group,
      });
      this.#watch(made);
      return { ...made, close: () => closeAll(made, group) };
    } catch (error) {
      group.dissolve();
      throw error;
    } finally {
      rmSync(description, { force: true });
    }
  }

  oomKills(): number {
    return this.#parts.cgroup.oomKills();
  }

  pause(): Promise<void> {
    return this.#parts.cgroup.freeze();
  }

  async resume(): Promise<void> {
    this.#parts.cgroup.thaw();
  }

  usage(): ContainerUsage {
    return readUsage(this.#parts.cgroup.folder);
  }

  listProcesses(moreBytes: (pid: number) => number): Promise<ProcessListing> {
    return listProcesses(this.#parts.cgroup.pids(), { moreBytes });
  }

  /** Resolves when all processes that were made have ended. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#running);
  }

  #watch({ ended }: RuntimeProcess): void {
    this.#running.add(ended);
    ended.then(() => this.#running.delete(ended));
  }

  /** The root as the container's processes see it, with all that crun has mounted. */
  #inRoot<T>(use: (rootFd: number) => T): T {
    let rootFd: number;
    try {
      rootFd = openSync(`/proc/${this.init.pid}/root`, O_PATH | constants.O_DIRECTORY);
    } catch (cause) {
      const message = `cannot enter container ${this.#parts.id}: its first process has ended`;
      throw new VirtcontainersError('invalid-state', message, { cause });
    }
    try {
      return use(rootFd);
    } finally {
      closeSync(rootFd);
    }
  }
}
