// Runs crun (1.8) and says in our words why it failed.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { VirtcontainersError } from '../../base/errors.js';
import { spawnChild } from '../../base/native/children.js';
import { span } from '../../base/trace/span.js';
import type { ProcessEnd } from '../doors.js';
import type { Reaper } from '../machine/reaper.js';
import { signalPid } from './cgroup.js';
import { commandError, notFoundError } from './executable.js';
import { workingDirectoryError } from './spec.js';

export interface CrunOptions {
  /** Absolute path of the program. */
  readonly file: string;
  /** Where it keeps its containers' state. */
  readonly stateFolder: string;
  readonly reaper: Reaper;
}

/** One start of crun. */
export interface CrunCall {
  /** Its command and that command's arguments. */
  readonly args: readonly string[];
  readonly stdio: readonly [number, number, number];
  /** A path without an extension for its log and its pid file. */
  readonly scratch: string;
  /** What the process is to execute, for the error. */
  readonly command: string;
}

/** How long crun may take for anything, in milliseconds: emulated and under load it takes a second at most. */
const timeoutMs = 60_000;
const logBytes = 16 * 1024;

/** The program that makes containers. */
export class Crun {
  readonly #options: CrunOptions;

  constructor(options: CrunOptions) {
    this.#options = options;
    mkdirSync(options.stateFolder, { recursive: true, mode: 0o700 });
  }

  /**
   * Lets crun make a process: the argument `--pid-file` is added here.
   * @returns the process, and its end whenever that comes
   */
  async make(
    call: CrunCall,
  ): Promise<{ readonly pid: number; readonly ended: Promise<ProcessEnd> }> {
    const { reaper, file, stateFolder } = this.#options;
    const log = `${call.scratch}.log`;
    const pidFile = `${call.scratch}.pid`;
    const [command = '', ...rest] = call.args;
    const mark = reaper.mark();
    try {
      const argv = [file, `--root=${stateFolder}`, `--log=${log}`, command];
      argv.push(`--pid-file=${pidFile}`, ...rest);
      const env = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'];
      const end = await span(`crun-${command}`, () =>
        this.#wait(spawnChild({ file, argv, env, stdio: call.stdio }), mark),
      );
      if (end.code !== 0 || end.signal !== 0) throw crunError(call.command, textOf(log), end);
      const pid = Number(textOf(pidFile));
      if (!(pid > 1)) throw new VirtcontainersError('internal', 'cannot use crun: it named no pid');
      return { pid, ended: reaper.ended(pid, mark) };
    } finally {
      for (const path of [log, pidFile]) rmSync(path, { force: true });
    }
  }

  /** Forgets a container's state, without looking at its processes. */
  forget(containerId: string): void {
    const { stateFolder } = this.#options;
    rmSync(`${stateFolder}/${containerId}`, { recursive: true, force: true });
  }

  /** Where the first process of a created container waits for a byte before it executes its command. */
  execFifo(containerId: string): string {
    return `${this.#options.stateFolder}/${containerId}/exec.fifo`;
  }

  async #wait(pid: number, mark: number): Promise<ProcessEnd> {
    const SIGKILL = 9;
    const timer = setTimeout(() => signalPid(pid, SIGKILL), timeoutMs);
    try {
      return await this.#options.reaper.ended(pid, mark);
    } finally {
      clearTimeout(timer);
    }
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file).subarray(0, logBytes).toString('utf8').trim();
  } catch {
    return '';
  }
}

/** The error for a failed crun, by its log. */
export function crunError(command: string, log: string, end: ProcessEnd): VirtcontainersError {
  if (/executable file `.*` not found|open executable: Not a directory/s.test(log)) {
    return notFoundError(command);
  }
  const refused = /open executable: (.*)/.exec(log);
  if (refused !== null) {
    const why = refused[1] === 'Operation not permitted' ? 'it is not a regular file' : refused[1];
    return commandError(command, 'command-not-executable', why ?? 'it cannot be opened');
  }
  const place = /(?:mount `.*` to|mkdir) `(.*)`: Not a directory/s.exec(log);
  if (place !== null) {
    const path = JSON.stringify(`/${place[1]?.replace(/^\/+/, '')}`);
    const why = 'a directory goes onto a directory, a file onto a file, and nothing below a file';
    return new VirtcontainersError('invalid-argument', `cannot mount on ${path}: ${why}`);
  }
  const limit = /setrlimit `(\w+)`: (.*)/.exec(log);
  if (limit !== null) {
    const message = `cannot set limit ${limit[1]}: the guest's kernel refuses it: ${limit[2]}`;
    return new VirtcontainersError('invalid-argument', message);
  }
  const directory = /chdir `?(.*)/.exec(log);
  if (directory !== null) return workingDirectoryError(directory[1] ?? '');
  if (/is not running|does not exist/.test(log)) {
    return new VirtcontainersError('invalid-state', `cannot make process: crun: ${log}`);
  }
  const how = end.signal === 0 ? `code ${end.code}` : `signal ${end.signal}`;
  const text = log === '' ? `it ended with ${how}` : log;
  return new VirtcontainersError('internal', `cannot make process: crun: ${text}`);
}
