// The ground that tests with real VMs stand on: roots of their own, programs to run, and the proof that nothing is left.
import assert from 'node:assert/strict';
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sleep } from '../../src/base/deadline.js';
import { createRuntime } from '../../src/index.js';
import type { ExitStatus } from '../../src/model/exit-status.js';
import type { ExecOptions, PodOptions, RuntimeOptions } from '../../src/model/options.js';
import type { Container, Pod, Process, Runtime } from '../../src/model/pod.js';
import { type HostSnapshot, hostMountsWith, hostSnapshot, processesOf } from './leftovers.js';
import { putBack } from './template-files.js';

/** The checkout. */
export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
/** Where `npm run setup` has put the guest image and the root file system. */
export const installedLibRoot = process.env['VIRTC_LIB_ROOT'] || '/var/lib/virtcontainers';
/** Debian with python3. */
export const debian = path.join(installedLibRoot, 'rootfs/debian');

/** A template for every file to begin with, as `npm run e2e` has made it; else each file makes its own. */
const sharedTemplate = process.env['VIRTC_E2E_TEMPLATE'] ?? '';

/** Longest that a program under test may take: a boot on a busy machine, and then some. */
const programTimeoutMs = 180_000;
/** How long the kernel may take to finish what a death began. */
const settleMs = 10_000;

/** What a finished program left to look at. */
export interface Finished {
  /** As a shell would say it: 128 + n for signal n is not made up, `signal` has it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default: a pipe for each; standard input is closed where there is no `input`. */
  readonly stdio?: StdioOptions;
  readonly timeoutMs?: number;
  /** Leaves its standard output unread. */
  readonly unreadOutput?: boolean;
}

/** The roots and programs of one test file. */
export class E2e {
  /** Directory of live state, for this file alone: its name is what leftovers are found by. */
  readonly runRoot: string;
  /** Room for files, mode 0700, on a disk. */
  readonly scratch: string;
  /** A lib root for this file alone, so that others' logs are not taken for ours; its guest image is the installed one, its template a copy. */
  readonly libRoot: string;
  readonly #before: HostSnapshot;
  readonly #children = new Set<ChildProcess>();
  readonly #cleanups: (() => Promise<void>)[] = [];

  constructor(name: string) {
    assert.ok(existsSync(debian), `${debian} is missing: run npm run e2e, which makes it`);
    this.runRoot = `/run/virtcontainers-e2e-${name}-${process.pid}`;
    mkdirSync(this.runRoot, { mode: 0o700 });
    this.scratch = mkdtempSync(`/var/tmp/virtcontainers-e2e-${name}-`);
    this.libRoot = this.makeLibRoot('lib');
    if (sharedTemplate !== '') putBack(sharedTemplate, this.libRoot);
    this.#before = hostSnapshot({ runRoot: this.runRoot, libRoot: this.libRoot });
    after(() => this.#tearDown());
  }

  /** A lib root without a template; its guest image is the installed one. */
  makeLibRoot(name: string): string {
    const libRoot = path.join(this.scratch, name);
    mkdirSync(libRoot, { mode: 0o700 });
    symlinkSync(path.join(installedLibRoot, 'guest'), path.join(libRoot, 'guest'));
    return libRoot;
  }

  /** A runtime of the library in this process. */
  runtime(options: RuntimeOptions = {}): Runtime {
    return createRuntime({
      runRoot: this.runRoot,
      libRoot: this.libRoot,
      configFile: '',
      ...options,
    });
  }

  /** A pod for all tests of this file, and in it a container that waits for their execs. */
  async sharedPod(
    runtime: Runtime,
    options: PodOptions = {},
  ): Promise<{ readonly pod: Pod; readonly box: Container }> {
    const pod = await runtime.createPod({ id: 'shared', ...options });
    this.cleanup(() => pod.delete({ force: true }));
    const command = ['sleep', 'infinity'];
    const box = await pod.createContainer({ id: 'box', rootfs: debian, command });
    await box.start();
    return { pod, box };
  }

  /** Registers what must be done before nothing may be left; the last one runs first. */
  cleanup(step: () => Promise<void>): void {
    this.#cleanups.push(step);
  }

  /** Starts the command line. */
  startVirtc(args: readonly string[], options: RunOptions = {}): Running {
    return this.start(path.join(checkout, 'bin/virtc'), args, options);
  }

  /** Runs the command line to its end. */
  async virtc(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return await this.startVirtc(args, options).finished;
  }

  /** Runs the command line with the Debian root. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return await this.virtc(['run', '--rootfs', debian, ...args], options);
  }

  /** Starts one of `programs` with this file's run root as its first argument. */
  startProgram(name: string, args: readonly string[]): Running {
    const file = path.join(checkout, `dist/test/e2e/programs/${name}.js`);
    return this.start(process.execPath, [file, this.runRoot, ...args]);
  }

  /** Starts any program with this file's roots in its environment. */
  start(program: string, args: readonly string[], options: RunOptions = {}): Running {
    const child = spawn(program, args, {
      cwd: options.cwd ?? this.scratch,
      env: {
        ...process.env,
        VIRTC_RUN_ROOT: this.runRoot,
        VIRTC_LIB_ROOT: this.libRoot,
        VIRTC_CONFIG: '',
        ...options.env,
      },
      stdio: options.stdio ?? 'pipe',
    });
    this.#children.add(child);
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    return { child, finished: this.#finish(child, options) };
  }

  async #finish(child: ChildProcess, options: RunOptions): Promise<Finished> {
    const { timeoutMs = programTimeoutMs, unreadOutput = false } = options;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    try {
      const [[code, signal], stdout, stderr] = await Promise.all([
        new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
          child.once('error', reject);
          child.once('exit', (...status) => resolve(status));
        }),
        child.stdout === null || unreadOutput ? Buffer.alloc(0) : buffer(child.stdout),
        child.stderr === null ? '' : text(child.stderr),
      ]);
      assert.ok(!timedOut, `the program did not end within ${timeoutMs} ms:\n${stderr}`);
      return { code, signal, stdout, stderr };
    } finally {
      clearTimeout(timer);
      this.#children.delete(child);
    }
  }

  /** Processes that have to do with this file's pods, the calling one apart. */
  processes(): readonly string[] {
    return processesOf(this.runRoot);
  }

  /** The process of a pod's VM, as its record names it. */
  vmPid(podId: string): number {
    const file = path.join(this.runRoot, 'pods', podId, 'record.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as {
      handles: readonly { kind: string; process?: { pid: number } }[];
    };
    const pid = record.handles.find(({ kind }) => kind === 'vm')?.process?.pid;
    assert.ok(pid !== undefined, `${file} names no VM`);
    return pid;
  }

  /** Fails with a list if processes, mounts, cgroups, interfaces, logs, half templates or state of this file's pods exist, apart from `kept` paths. */
  async assertNothingLeft(kept: readonly string[] = []): Promise<void> {
    const deadline = performance.now() + settleMs;
    for (;;) {
      const now = hostSnapshot({ runRoot: this.runRoot, libRoot: this.libRoot, moreRoots: kept });
      const left = [...now].filter(
        (line) =>
          !this.#before.has(line) && !kept.some((file) => line.startsWith(`state: ${file}`)),
      );
      if (left.length === 0) return;
      if (performance.now() > deadline) assert.fail(`left behind:\n${left.join('\n')}`);
      await sleep(100);
    }
  }

  async #tearDown(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = async (step: () => Promise<void>): Promise<void> => {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    };
    for (const step of this.#cleanups.reverse()) await attempt(step);
    if (failures.length === 0) await attempt(() => this.assertNothingLeft());
    for (const child of this.#children) child.kill('SIGKILL');
    // What a failed test has left shall not stay on the host.
    if (failures.length > 0) await attempt(() => this.#deleteEverything());
    removeUnmounted(this.runRoot);
    removeUnmounted(this.scratch);
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
  }

  async #deleteEverything(): Promise<void> {
    const runtime = this.runtime();
    await runtime.gc();
    for (const { id } of await runtime.listPods()) await runtime.deletePod(id, { force: true });
  }
}

/** Removes a directory, but never through a mount that a failed test has left in it: that would delete the host's files. */
function removeUnmounted(directory: string): void {
  const mounts = hostMountsWith(directory);
  assert.deepEqual(mounts, [], `${directory} is kept: there are mounts in it`);
  rmSync(directory, { recursive: true, force: true });
}

/** What a process printed and how it ended. */
export interface Printed {
  readonly status: ExitStatus;
  readonly stdout: string;
  readonly stderr: string;
}

/** All that a started process prints until it ends. */
export async function printed(process: Process): Promise<Printed> {
  const [status, stdout, stderr] = await Promise.all([
    process.wait(),
    text(process.stdout),
    text(process.stderr),
  ]);
  return { status, stdout, stderr };
}

/** Starts a container and returns all that it prints. */
export async function startAndPrint(container: Container): Promise<Printed> {
  await container.start();
  return await printed(container);
}

/** Runs a shell script in a running container. */
export async function sh(
  container: Container,
  script: string,
  options: ExecOptions = {},
): Promise<Printed> {
  return await printed(await container.exec(['sh', '-c', script], options));
}

/** Runs a shell script that must succeed; its standard output, trimmed. */
export async function shOk(
  container: Container,
  script: string,
  options: ExecOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await sh(container, script, options);
  assert.equal(status.code, 0, `${script}: ${stdout}${stderr}`);
  return stdout.trim();
}

/** Waits until a stream has given a text; everything read so far is in the error if it does not. */
export async function untilText(
  stream: NodeJS.ReadableStream | null,
  wanted: string,
  timeoutMs = 120_000,
): Promise<string> {
  assert.ok(stream !== null);
  let seen = '';
  return await new Promise<string>((resolve, reject) => {
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      stream.off('data', onData);
      stream.off('end', onEnd);
      if (error === undefined) resolve(seen);
      else reject(error);
    };
    const onData = (chunk: Buffer | string): void => {
      seen += chunk.toString();
      if (seen.includes(wanted)) finish();
    };
    const onEnd = (): void => finish(new Error(`it ended without ${wanted}: ${seen}`));
    const timer = setTimeout(() => finish(new Error(`no ${wanted} in time: ${seen}`)), timeoutMs);
    stream.on('data', onData);
    stream.on('end', onEnd);
  });
}

/** Waits until a condition holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `it did not happen in time: ${what}`);
    await sleep(20);
  }
}
