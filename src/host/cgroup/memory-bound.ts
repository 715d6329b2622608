// The bound on a pod's memory, which follows the size of its VM.
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';

// As much swap as memory, as docker has it: without a bound there, the one on memory only moves what is beyond to the disk.
const files = ['memory.max', 'memory.swap.max', 'memory.limit_in_bytes'];

/** Bounds the memory of those of a pod's cgroups that count memory. */
export function setMemoryBound(cgroups: readonly string[], bytes: number): void {
  for (const directory of cgroups) {
    for (const file of files.map((name) => path.join(directory, name))) {
      if (existsSync(file)) writeFileSync(file, String(bytes));
    }
  }
}
