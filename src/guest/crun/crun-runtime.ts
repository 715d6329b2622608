// Makes containers by crun: mounts, specification, streams, and the removal of all that.
import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { waitFor } from '../../base/deadline.js';
import { errnoOf, reasonOf, VirtcontainersError } from '../../base/errors.js';
import { O_PATH } from '../../base/native/open-beneath.js';
import { span } from '../../base/trace/span.js';
import { Undo } from '../../base/undo.js';
import { isObject } from '../decode.js';
import type { ContainerRuntime, NewContainer, RuntimeContainer } from '../doors.js';
import type { Reaper } from '../machine/reaper.js';
import { Cgroup, prepareCgroups } from './cgroup.js';
import { Crun } from './crun.js';
import { CrunContainer } from './crun-container.js';
import { writeHostNames } from './host-names.js';
import { makeDirectories } from './in-root.js';
import { ProcessMaker } from './process-maker.js';
import { mountRootfs, unmountRootfs } from './rootfs.js';
import { Shares } from './shares.js';
import {
  type CompleteProcess,
  completeProcess,
  completeSpec,
  isBelowMount,
  seenThroughInit,
  workingDirectoryError,
} from './spec.js';

export interface CrunRuntimeOptions {
  /** An empty directory of the runtime's own, on a tmpfs. */
  readonly folder: string;
  readonly reaper: Reaper;
  /** crun's path. */
  readonly crun: string;
}

/** How long a killed container's processes may take to be reaped, in milliseconds. */
const reapTimeoutMs = 5_000;

/** Containers by crun, in this machine's mount namespace and below one control group. */
export class CrunRuntime implements ContainerRuntime {
  readonly #folder: string;
  readonly #shares: Shares;
  readonly #crun: Crun;
  readonly #maker: ProcessMaker;
  readonly #containers = new Map<string, CrunContainer>();

  constructor({ folder, reaper, crun }: CrunRuntimeOptions) {
    this.#folder = folder;
    for (const name of ['containers', 'shares']) {
      mkdirSync(`${folder}/${name}`, { recursive: true, mode: 0o700 });
    }
    this.#shares = new Shares(`${folder}/shares`);
    this.#crun = new Crun({ file: crun, stateFolder: `${folder}/crun`, reaper });
    this.#maker = new ProcessMaker(this.#crun, folder);
    prepareCgroups();
  }

  create(options: NewContainer): Promise<RuntimeContainer> {
    return Undo.run(async (undo) => {
      const { id, spec } = options;
      const folder = this.#folderOf(id);
      mkdirSync(folder);
      undo.add(`remove container ${id}`, () => this.destroy(id));
      const rootPath = span('mount-root', () => mountRootfs(folder, options.root, this.#shares));
      const sharedPaths = span('resolve-mounts', () =>
        options.sharedMounts.map((path) => this.#shares.resolve(path)),
      );
      const process = span('prepare-process', () => prepareProcess(rootPath, options));
      const cgroup = Cgroup.ofContainer(id);
      const places = { rootPath, sharedPaths, cgroupPath: cgroup.path };
      span('write-spec', () => {
        const config = JSON.stringify(completeSpec(spec, process.json, places));
        writeFileSync(`${folder}/config.json`, config);
      });
      const init = await this.#maker.make({
        process,
        stdin: options.stdin,
        scratch: `${folder}/init`,
        args: (flags) => ['create', `--bundle=${folder}`, ...flags, id],
        group: cgroup,
      });
      const fifo = this.#crun.execFifo(id);
      const parts = { id, folder, process, init, fifo, cgroup, maker: this.#maker };
      const container = new CrunContainer(parts);
      this.#containers.set(id, container);
      return container;
    });
  }

  async destroy(id: string): Promise<void> {
    const folder = this.#folderOf(id);
    await Cgroup.ofContainer(id).remove();
    const ended = this.#containers.get(id)?.allEnded();
    // What has left its control group has ended; its status follows with the next signal.
    if (ended !== undefined)
      await waitFor(ended, { timeoutMs: reapTimeoutMs, what: `cannot reap container ${id}` });
    unmountRootfs(folder);
    this.#crun.forget(id);
    rmSync(folder, { recursive: true, force: true });
    this.#containers.delete(id);
  }

  releaseShares(): void {
    this.#shares.unmount();
  }

  #folderOf(id: string): string {
    return `${this.#folder}/containers/${id}`;
  }
}

/** Completes the first process in its root, where its working directory and the names of the host are made, as with docker. */
function prepareProcess(rootPath: string, options: NewContainer): CompleteProcess {
  const { spec, terminalSize, root } = options;
  const description = spec['process'];
  if (!isObject(description)) {
    const message = `cannot create container ${options.id}: its specification has no process`;
    throw new VirtcontainersError('invalid-argument', message);
  }
  const rootFd = openSync(rootPath, O_PATH | constants.O_DIRECTORY);
  try {
    // Where writes reach the host's tree, its files are the caller's.
    if (root.kind.value?.discardWrites === true) writeHostNames(rootFd, spec['hostname']);
    const process = seenThroughInit(spec, completeProcess(rootFd, description, terminalSize));
    if (!isBelowMount(spec, process.cwd)) ensureWorkingDirectory(rootFd, process.cwd);
    return process;
  } finally {
    closeSync(rootFd);
  }
}

function ensureWorkingDirectory(rootFd: number, cwd: string): void {
  try {
    makeDirectories(rootFd, cwd);
  } catch (error) {
    const errno = errnoOf(error);
    const path = JSON.stringify(cwd);
    if (errno === 'EEXIST') throw workingDirectoryError(`${path} is a file, or below one`);
    const why = errno ?? reasonOf(error);
    throw workingDirectoryError(`${path} is not there and cannot be made: ${why}`);
  }
}
