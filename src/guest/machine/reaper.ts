// Reaps every child of the agent, and hands each end to who asks for that process, also when it came first.
import { type ChildExit, reapAny } from '../../base/native/children.js';
import type { ProcessEnd } from '../doors.js';

/** Ends that nobody has asked for yet; more than this many are orphans that nobody will ask for. */
const maxUnclaimed = 1024;
/** Children reaped in one go, so that a storm of ends does not hold up everything else. */
const sweepLimit = 256;

type ReapedChild = ChildExit & { readonly pid: number };

/** The agent's children are none of Node's own (`spawnChild` makes them), so that all may be waited for. */
export class Reaper {
  readonly #reap: () => ReapedChild | null;
  readonly #claims = new Map<number, (end: ProcessEnd) => void>();
  readonly #unclaimed = new Map<number, { readonly end: ProcessEnd; readonly number: number }>();
  #count = 0;

  constructor(reap: () => ReapedChild | null = reapAny) {
    this.#reap = reap;
  }

  /** Begins to reap; the process's signal handler stays for good. */
  start(): void {
    process.on('SIGCHLD', () => this.sweep());
    this.sweep();
  }

  /** How many have been reaped: an end that counts for a process has a higher number than before it was made. */
  mark(): number {
    return this.#count;
  }

  /** Resolves with a process's end, which may have come since `mark`. Asked once per process. */
  ended(pid: number, mark: number): Promise<ProcessEnd> {
    const early = this.#unclaimed.get(pid);
    if (early !== undefined && early.number > mark) {
      this.#unclaimed.delete(pid);
      return Promise.resolve(early.end);
    }
    return new Promise((resolve) => {
      this.#claims.set(pid, resolve);
    });
  }

  /** Reaps all that have ended: a signal may stand for many of them. */
  sweep(): void {
    for (let left = sweepLimit; left > 0; left--) {
      const child = this.#reap();
      if (child === null) return;
      this.#hand(child);
    }
    setImmediate(() => this.sweep());
  }

  #hand({ pid, code, signal }: ReapedChild): void {
    const end = { code, signal };
    const number = ++this.#count;
    const claim = this.#claims.get(pid);
    if (claim !== undefined) {
      this.#claims.delete(pid);
      claim(end);
      return;
    }
    this.#unclaimed.delete(pid);
    this.#unclaimed.set(pid, { end, number });
    if (this.#unclaimed.size <= maxUnclaimed) return;
    for (const oldest of this.#unclaimed.keys()) {
      this.#unclaimed.delete(oldest);
      break;
    }
  }
}
