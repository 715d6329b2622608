// Children that Node does not know of: spawned, and reaped.
import { checkErrno, cString, declare, lastErrno, SystemError } from './libc.js';

const waitpid = declare('int waitpid(int, void *, int)');
const posix_spawn = declare(
  'int posix_spawn(_Out_ int *, const char *, void *, void *, const char **, const char **)',
);
const posix_spawn_file_actions_init = declare('int posix_spawn_file_actions_init(void *)');
const posix_spawn_file_actions_adddup2 = declare(
  'int posix_spawn_file_actions_adddup2(void *, int, int)',
);
const posix_spawn_file_actions_destroy = declare('int posix_spawn_file_actions_destroy(void *)');

export interface SpawnOptions {
  /** Absolute path of the program. */
  readonly file: string;
  /** All arguments, the program's name first. */
  readonly argv: readonly string[];
  /** `NAME=value` entries: all that the child has. */
  readonly env: readonly string[];
  /** The child's standard input, output and error; nothing else is inherited that has close-on-exec set. */
  readonly stdio: readonly [number, number, number];
}

/**
 * posix_spawn(3): a child that Node does not know of, with every signal as a new program expects it.
 * It shares the caller's memory until it executes, so it costs no copy of a large process, and it is the caller's to reap.
 */
export function spawnChild(options: SpawnOptions): number {
  const POSIX_SPAWN_SETSIGDEF = 0x04;
  const POSIX_SPAWN_SETSIGMASK = 0x08;
  // glibc's sizes on x86-64: posix_spawnattr_t 336 (flags, pgrp, default set, mask, …), file actions 80, sigset_t 128.
  const attributes = Buffer.alloc(336);
  attributes.writeInt16LE(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, 0);
  // Node ignores SIGPIPE, and an ignored signal would stay ignored in the child.
  attributes.fill(0xff, 8, 8 + 128);
  const actions = Buffer.alloc(80);
  checkErrno(posix_spawn_file_actions_init(actions), 'posix_spawn_file_actions_init');
  try {
    for (const [target, fd] of options.stdio.entries()) {
      const errno = posix_spawn_file_actions_adddup2(actions, fd, target);
      checkErrno(errno, 'posix_spawn_file_actions_adddup2');
    }
    const pid: [number] = [0];
    const argv = [...options.argv.map(cString), null];
    const env = [...options.env.map(cString), null];
    const errno = posix_spawn(pid, cString(options.file), actions, attributes, argv, env);
    checkErrno(errno, 'posix_spawn', options.file);
    return pid[0];
  } finally {
    posix_spawn_file_actions_destroy(actions);
  }
}

/** How a child ended: its code, or the number of the signal that ended it. */
export interface ChildExit {
  readonly code: number;
  readonly signal: number;
}

/**
 * Reaps any one child that has ended. Only for a process whose children are none of Node's own: it would steal
 * their exits from Node.
 * @returns null if none has ended (or there is none)
 */
export function reapAny(): (ChildExit & { readonly pid: number }) | null {
  const WNOHANG = 1;
  const ECHILD = 10;
  const status = Buffer.alloc(4);
  const pid = waitpid(-1, status, WNOHANG) as number;
  if (pid < 0 && lastErrno() !== ECHILD) throw new SystemError('waitpid', lastErrno(), '');
  return pid <= 0 ? null : { pid, ...toChildExit(status.readInt32LE(0)) };
}

function toChildExit(status: number): ChildExit {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: 0 } : { code: 0, signal };
}
