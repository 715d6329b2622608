// The ground that benchmarks stand on: roots of their own, programs to run, and the end of all that was started.
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, waitFor } from '../../src/base/deadline.js';
import { createRuntime, type Pod, type Runtime, type RuntimeOptions } from '../../src/index.js';
import { type HostSnapshot, hostMountsWith, hostSnapshot } from '../e2e/leftovers.js';

/** The checkout. */
export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
/** The command line as users start it. */
export const virtc = path.join(checkout, 'bin/virtc');

const installedLibRoot = process.env['VIRTC_LIB_ROOT'] || '/var/lib/virtcontainers';

/** How long the kernel may take to finish what a death began. */
const settleMs = 10_000;

export class Ground {
  /** Directory of live state, of this run alone. */
  readonly runRoot: string;
  /** Room for files, on a disk. */
  readonly scratch: string;
  /** The installed guest image, and templates and logs of this run's own. */
  readonly libRoot: string;
  /** Debian with python3: a copy, since some rows write to it. */
  readonly rootfs: string;
  /** Fires when the run is to end: interrupted, or out of time. */
  readonly signal: AbortSignal;
  readonly runtime: Runtime;
  readonly #runtimes: Runtime[] = [];
  readonly #children = new Set<ChildProcess>();
  readonly #before: HostSnapshot;

  constructor(signal: AbortSignal) {
    this.signal = signal;
    this.runRoot = `/run/virtcontainers-bench-${process.pid}`;
    this.scratch = mkdtempSync('/var/tmp/virtcontainers-bench-');
    this.libRoot = path.join(this.scratch, 'lib');
    this.rootfs = path.join(this.scratch, 'debian');
    this.#before = hostSnapshot(this);
    mkdirSync(this.runRoot, { mode: 0o700 });
    mkdirSync(this.libRoot, { mode: 0o700 });
    symlinkSync(path.join(installedLibRoot, 'guest'), path.join(this.libRoot, 'guest'));
    this.runtime = this.openRuntime();
  }

  /** A runtime over the roots of this run; closed with it. Its templates are this run's own. */
  openRuntime(options: Pick<RuntimeOptions, 'warm'> = {}): Runtime {
    const runtime = createRuntime({
      ...options,
      runRoot: this.runRoot,
      libRoot: this.libRoot,
      configFile: '',
      onWarning: ({ message }) => console.error(`warning: ${message}`),
    });
    this.#runtimes.push(runtime);
    return runtime;
  }

  /** Copies the root file system. */
  prepare(): void {
    const installed = path.join(installedLibRoot, 'rootfs/debian');
    if (!existsSync(installed)) throw new Error(`${installed} is missing: npm run bench makes it`);
    // Not by Node, which cannot copy device nodes.
    execFileSync('cp', ['-a', installed, this.rootfs]);
  }

  /** Gives a pod to `action` and deletes it, also where that fails. */
  async withPod<T>(action: (pod: Pod) => Promise<T>, options = {}): Promise<T> {
    const pod = await this.runtime.createPod({ signal: this.signal, ...options });
    try {
      return await action(pod);
    } finally {
      await pod.delete({ force: true });
    }
  }

  /** Starts a program that ends with this run, with its roots in the environment. */
  start(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    this.signal.throwIfAborted();
    const env = {
      ...process.env,
      VIRTC_RUN_ROOT: this.runRoot,
      VIRTC_LIB_ROOT: this.libRoot,
      VIRTC_CONFIG: '',
    };
    const child = spawn(program, args, { cwd: this.scratch, env, ...options });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  /** Runs a program to its end and gives what it has taken, in milliseconds. */
  async time(program: string, args: readonly string[], expectedCode = 0): Promise<number> {
    const begin = performance.now();
    const child = this.start(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const code = await exitOf(child, this.signal);
    const tookMs = performance.now() - begin;
    if (code !== expectedCode)
      throw new Error(`${program} ${args.join(' ')}: exit ${code}: ${stderr}`);
    return tookMs;
  }

  /** Brings everything down. @returns what is left on the host nevertheless, as lines */
  async close(): Promise<readonly string[]> {
    for (const child of this.#children) child.kill('SIGKILL');
    // First what this process owns, then what the programs that have just been killed leave.
    for (const runtime of this.#runtimes) {
      await runtime.close();
      for (const { id } of await runtime.listPods()) {
        // Another one's pod is refused; what nobody could delete is told of below.
        await runtime.deletePod(id, { force: true }).catch(() => {});
      }
    }
    await this.runtime.gc();
    const deadline = performance.now() + settleMs;
    let left = this.#left();
    while (left.length > 0 && performance.now() < deadline) {
      await sleep(100);
      left = this.#left();
    }
    for (const directory of [this.runRoot, this.scratch]) {
      // Never through a mount: that would delete what is mounted.
      if (hostMountsWith(directory).length > 0) continue;
      rmSync(directory, { recursive: true, force: true });
    }
    return left;
  }

  #left(): readonly string[] {
    const known = new Set([...this.#before, `state: ${path.join(this.runRoot, 'cache')}`]);
    return [...hostSnapshot(this)].filter(
      (line) => !known.has(line) && !line.startsWith(`state: ${this.runRoot}/cache/`),
    );
  }
}

/** The exit code of a program; null where a signal ended it. */
export function exitOf(child: ChildProcess, signal: AbortSignal): Promise<number | null> {
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return waitFor(ended, { what: 'cannot wait for a program', signal, timeoutMs: 180_000 });
}

/** Calls `action` up to `times` times, fewer where that would exceed the time, but once at least. */
export async function repeat<T>(
  bounds: { readonly times: number; readonly maxMs: number },
  action: (index: number) => Promise<T>,
): Promise<readonly T[]> {
  const begin = performance.now();
  const results: T[] = [];
  while (results.length < bounds.times) {
    results.push(await action(results.length));
    const tookMs = performance.now() - begin;
    if (tookMs + tookMs / results.length > bounds.maxMs) break;
  }
  return results;
}
