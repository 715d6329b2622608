// A jail's namespaces before they hold a root: made in the worker's thread, kept by a process of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { MS_PRIVATE, MS_REC, mount } from '../native/mounts.js';
import { O_PATH } from '../native/open-beneath.js';
import { closeOnExecAll, openProcess } from '../native/process-descriptors.js';
import {
  CLONE_FS,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  changeDirectory,
  changeRoot,
  joinNewSessionKeyring,
  setNamespace,
  unshare,
} from '../native/threads.js';
import { keeperUserId } from './jail-spec.js';

const allNamespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID;

/**
 * Namespaces and their keeper: pid 1 of the pid namespace, which reads a pipe that only this process holds. When this
 * process ends, however it ends, the keeper reads end of file, and the kernel kills all that is in the namespace.
 */
export interface Hull {
  readonly keeper: ChildProcess;
  /** Names the keeper, and so its namespaces. */
  readonly keeperFd: number;
}

/** Where the thread belongs: the namespaces and the root directory of its process. */
export class Home {
  readonly #processFd: number;
  readonly #rootFd: number;

  /** Makes the calling thread's root and working directory its own, which changing namespaces requires. */
  constructor() {
    // Keys are possessed, whatever the user: a jail must not have those of who started us.
    joinNewSessionKeyring();
    unshare(CLONE_FS);
    this.#processFd = openProcess(process.pid);
    this.#rootFd = openSync('/', O_PATH);
  }

  /** Brings the thread back from wherever it is. */
  enter(): void {
    setNamespace(this.#processFd, allNamespaces);
    changeDirectory(this.#rootFd);
    changeRoot('.');
  }

  /** Lets go of it; the thread stays where it is. */
  close(): void {
    closeSync(this.#processFd);
    closeSync(this.#rootFd);
  }
}

/** Makes a hull; the thread is at home before and after. */
export async function createHull(home: Home): Promise<Hull> {
  // Node does this for the first few only, when it starts.
  closeOnExecAll();
  unshare(allNamespaces);
  let keeper: ChildProcess | undefined;
  try {
    mount({ source: 'none', target: '/', type: null, flags: MS_REC | MS_PRIVATE });
    keeper = await startKeeper();
    await Promise.all([running(keeper), mountProc()]);
    return { keeper, keeperFd: openProcess(keeper.pid ?? -1) };
  } catch (error) {
    if (keeper !== undefined) endKeeper(keeper);
    throw error;
  } finally {
    home.enter();
  }
}

/** Moves the thread into a hull, from where it spawns; children get none of this process' descriptors but their stdio. */
export function enterHull(hull: Hull): void {
  closeOnExecAll();
  setNamespace(hull.keeperFd, allNamespaces);
}

/** Ends what is in the hull's pid namespace, the keeper last. Safe to repeat, while it is not closed. */
export function endHull(hull: Hull): void {
  endKeeper(hull.keeper);
}

/** Ends it and lets go of it. */
export function closeHull(hull: Hull): void {
  closeSync(hull.keeperFd);
  endHull(hull);
}

function endKeeper(keeper: ChildProcess): void {
  keeper.stdin?.destroy();
}

// Its working directory is the root, so that pivot_root takes it along; its user has no capability and is nobody else's.
async function startKeeper(): Promise<ChildProcess> {
  const keeper = spawn('/usr/bin/cat', [], {
    // A ^C on our terminal must not end it.
    detached: true,
    cwd: '/',
    env: {},
    uid: keeperUserId,
    gid: keeperUserId,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await started(keeper);
  keeper.stdin.on('error', () => {});
  return keeper;
}

// Executed is not yet running: its dynamic linker still opens libraries below the root that is replaced next, and
// without them it ends, and the namespace with it. So it must first give back a byte.
async function running(keeper: ChildProcess): Promise<void> {
  const { stdin, stdout } = keeper;
  const answered = new Promise<void>((resolve, reject) => {
    stdout?.once('data', () => resolve());
    keeper.once('exit', () => reject(new Error("the jail's first process ended at once")));
  });
  stdin?.write('\n');
  await answered;
  stdout?.destroy();
}

// The kernel ties a proc file system to the pid namespace of the process that mounts it, and a thread cannot enter
// one: only a child can, hence the program. `subset=pid` (Linux 5.8) leaves /proc/sys and the like out.
async function mountProc(): Promise<void> {
  const options = 'nosuid,nodev,noexec,subset=pid';
  const child = spawn(
    '/usr/bin/mount',
    ['--no-mtab', '--internal-only', '-t', 'proc', '-o', options, 'proc', '/proc'],
    { cwd: '/', env: {}, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-500);
  });
  await started(child);
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`mounting the jail's /proc failed: ${stderr.trim()}`);
}

/** Resolves when the child has been started, rejects if its program cannot be executed. */
export function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}
