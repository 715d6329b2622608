// How many processors and how much memory this host has.
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/** Asks the kernel. Memory is in MiB and counts swap: the kernel refuses a process more than both together. */
export function hostSize(): { readonly cpus: number; readonly memoryMiB: number } {
  const swapBytes = swapIn(readFileSync('/proc/meminfo', 'latin1'));
  return {
    cpus: availableParallelism(),
    memoryMiB: Math.floor((totalmem() + swapBytes) / 1024 / 1024),
  };
}

/** The bytes of swap that `/proc/meminfo` tells; 0 where it tells none. */
export function swapIn(meminfo: string): number {
  return Number(/^SwapTotal:\s*(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) * 1024;
}
