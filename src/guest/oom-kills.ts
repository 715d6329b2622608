// Tells which ends of a container's processes were kills by its memory limit: the kernel only counts them.
import type { ProcessEnd } from './doors.js';

const SIGKILL = 9;
/** What an init or a shell ends with whose child was killed: it says so of a child, and the kernel's count says by whom. */
const shellsWordForKill = 128 + SIGKILL;

/** What is known of a process beside its end. */
export interface EndedProcess {
  readonly isInit: boolean;
  /** Kills that the kernel had counted when the process was made. */
  readonly killsBefore: number;
  /** Whether the host had sent it SIGKILL. */
  readonly killedByHost: boolean;
}

/** The out-of-memory kills of one container, each of which explains one end. */
export class OomKills {
  readonly #count: () => number;
  #explained = 0;

  /** @param count how many processes of the container the kernel has killed */
  constructor(count: () => number) {
    this.#count = count;
  }

  get count(): number {
    return this.#count();
  }

  /** Whether that end, told once, was such a kill. */
  explains(end: ProcessEnd, process: EndedProcess): boolean {
    const isKill = end.signal === SIGKILL || (process.isInit && end.code === shellsWordForKill);
    if (!isKill || process.killedByHost) return false;
    const kills = this.#count();
    // Nothing in a pid namespace can kill its init, whose end takes the other processes along and is told after theirs.
    if (process.isInit) return kills > process.killsBefore;
    const before = Math.max(this.#explained, process.killsBefore);
    if (kills <= before) return false;
    this.#explained = before + 1;
    return true;
  }
}
