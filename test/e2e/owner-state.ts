// What this process holds as the owner of pods, without the room that V8 keeps for objects it does not have.
import { readdirSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface OwnerState {
  /** Objects of JavaScript that are in use, in MiB. */
  readonly heapMiB: number;
  /** Resident memory that is not V8's heap: libraries, buffers, what native code has allocated, in MiB. */
  readonly nativeMiB: number;
  readonly descriptors: number;
  readonly threads: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MiB = 1024 * 1024;

/** After a garbage collection. */
export function ownerState(): OwnerState {
  // The second one takes what finalizers of the first have let go.
  collectGarbage();
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    heapMiB: heapUsed / MiB,
    nativeMiB: (rss - getHeapStatistics().total_physical_size) / MiB,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
}

/** Looks at this process's resident memory until it is told to stop. @returns gives its growth at most, in MiB */
export function watchGrowth(): () => number {
  collectGarbage();
  const before = process.memoryUsage.rss();
  let peak = before;
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 50);
  return () => {
    clearInterval(timer);
    look();
    return (peak - before) / MiB;
  };
}
