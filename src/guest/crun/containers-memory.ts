// Keeps memory for the guest itself: what all containers together may take, so that no container starves the agent.
import { readFileSync, writeFileSync } from 'node:fs';

const MiB = 1024 * 1024;

/**
 * What the agent, the kernel and crun need beside the containers, in bytes. Measured: the agent 19 MiB, the kernel's own 43,
 * the rest for what streams keep.
 */
const guestReserveBytes = 96 * MiB;
/** The kernel describes a page in 64 bytes, and takes them for memory that is added later from what is there. */
const pagesPerDescription = 64;

/** What all containers together may take of a machine's memory, in bytes. */
export function containersMemoryBytes(totalBytes: number): number {
  return totalBytes - guestReserveBytes - Math.ceil(totalBytes / pagesPerDescription);
}

/** Gives the group of all containers its limit; again after memory was added. */
export function limitContainersMemory(group: string, meminfo = '/proc/meminfo'): void {
  const kib = /^MemTotal:\s+(\d+) kB$/m.exec(readFileSync(meminfo, 'utf8'))?.[1];
  writeFileSync(`${group}/memory.max`, String(containersMemoryBytes(Number(kib) * 1024)));
}
