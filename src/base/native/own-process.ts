// What a process does to itself.
import { check, declare, syscall } from './libc.js';

// The number is that of Linux on x86-64 (asm-generic/unistd.h).
const SYS_prctl = 157;

const _exit = declare('void _exit(int)');

/** Ends the process at once: Node's own exit waits for its threads, one of which may wait in a call for ever. */
export function exitNow(code: number): never {
  _exit(code);
  throw new Error('unreachable');
}

/** Makes the calling process the parent of its descendants' orphans. */
export function becomeSubreaper(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  check(syscall(SYS_prctl, 'int', PR_SET_CHILD_SUBREAPER, 'size_t', 1), 'prctl');
}
