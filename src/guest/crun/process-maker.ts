// Lets crun make a process whose streams the agent holds: pipes, or a terminal that crun sends.
import { openSync, rmSync } from 'node:fs';
import { VirtcontainersError } from '../../base/errors.js';
import { DescriptorSocket } from '../../base/native/descriptor-socket.js';
import type { ProcessEnd, ProcessGroup, RuntimeProcess } from '../doors.js';
import { signalPid } from './cgroup.js';
import type { Crun } from './crun.js';
import { openTerminal, Pipes, type Streams } from './descriptors.js';
import type { CompleteProcess } from './spec.js';

export interface ProcessWish {
  readonly process: CompleteProcess;
  readonly stdin: boolean;
  /** A path without an extension for crun's files. */
  readonly scratch: string;
  /** crun's arguments, in which `flags` have their place. */
  readonly args: (flags: readonly string[]) => readonly string[];
  /** The processes that it stands for. */
  readonly group: ProcessGroup;
}

/** Makes processes by crun. */
export class ProcessMaker {
  readonly #crun: Crun;
  readonly #folder: string;
  readonly #nullFd = openSync('/dev/null', 'r+');
  #sockets = 0;

  /** @param folder for sockets, whose path has to be short */
  constructor(crun: Crun, folder: string) {
    this.#crun = crun;
    this.#folder = folder;
  }

  make(wish: ProcessWish): Promise<RuntimeProcess> {
    return wish.process.terminal ? this.#makeWithTerminal(wish) : this.#makeWithPipes(wish);
  }

  async #makeWithPipes(wish: ProcessWish): Promise<RuntimeProcess> {
    const { process, stdin, scratch, args, group } = wish;
    const pipes = new Pipes(stdin, this.#nullFd);
    try {
      const call = { args: args([]), stdio: pipes.stdio, scratch, command: process.command };
      const making = this.#crun.make(call);
      pipes.closeFarEnds();
      const made = await making;
      return toRuntimeProcess(made, pipes.open(), group);
    } finally {
      pipes.close();
    }
  }

  async #makeWithTerminal(wish: ProcessWish): Promise<RuntimeProcess> {
    const { process, stdin, scratch, args, group } = wish;
    const path = `${this.#folder}/tty${this.#sockets++}`;
    const socket = new DescriptorSocket(path);
    try {
      const nothing = this.#nullFd;
      const made = await this.#crun.make({
        args: args([`--console-socket=${path}`]),
        stdio: [nothing, nothing, nothing],
        scratch,
        command: process.command,
      });
      const master = socket.receive();
      if (master === null) {
        throw new VirtcontainersError('internal', 'cannot make process: crun sent no terminal');
      }
      return toRuntimeProcess(made, openTerminal(master, stdin), group);
    } finally {
      socket.close();
      rmSync(path, { force: true });
    }
  }
}

function toRuntimeProcess(
  { pid, ended }: { readonly pid: number; readonly ended: Promise<ProcessEnd> },
  streams: Streams,
  group: ProcessGroup,
): RuntimeProcess {
  return {
    ...streams,
    pid,
    ended,
    signal: (signal) => signalPid(pid, signal),
    signalAll: (signal) => group.signalAll(signal),
    hasAny: () => group.hasAny(),
  };
}
