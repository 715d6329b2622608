// Brings hot-added processors and memory online, by sysfs.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { sleep } from '../../base/deadline.js';
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import type { MachineSize } from '../doors.js';

/** How long what was added may take to show up, in milliseconds. */
const timeoutMs = 20_000;
const pollMs = 10;

/** @param root of sysfs' devices: `/sys/devices/system` */
export async function bringOnline(root: string, wanted: MachineSize): Promise<MachineSize> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const now = sizeNow(root);
    if (now.cpus >= wanted.cpus && now.memoryBytes >= wanted.memoryBytes) return now;
    if (performance.now() > deadline) throw tooSmall(now, wanted);
    if (now.cpus < wanted.cpus) writeEach(`${root}/cpu`, /^cpu\d+$/, 'online', '1');
    if (now.memoryBytes < wanted.memoryBytes) {
      writeEach(`${root}/memory`, /^memory\d+$/, 'state', 'online');
    }
    if (isEnough(sizeNow(root), wanted)) continue;
    await sleep(pollMs);
  }
}

function isEnough(size: MachineSize, wanted: MachineSize): boolean {
  return size.cpus >= wanted.cpus && size.memoryBytes >= wanted.memoryBytes;
}

/** What is online now. */
export function sizeNow(root: string): MachineSize {
  const cpus = countOfList(readFileSync(`${root}/cpu/online`, 'utf8'));
  if (!existsSync(`${root}/memory/block_size_bytes`)) return { cpus, memoryBytes: 0n };
  const blockBytes = BigInt(`0x${readFileSync(`${root}/memory/block_size_bytes`, 'utf8').trim()}`);
  const blocks = entries(`${root}/memory`, /^memory\d+$/).filter(
    (name) => readFileSync(`${root}/memory/${name}/state`, 'utf8').trim() === 'online',
  );
  return { cpus, memoryBytes: BigInt(blocks.length) * blockBytes };
}

/** How many numbers the kernel's list has, for example 3 in `0-1,4`. */
export function countOfList(list: string): number {
  return list
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .reduce((count, range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return count + last - first + 1;
    }, 0);
}

function writeEach(folder: string, pattern: RegExp, file: string, text: string): void {
  for (const name of entries(folder, pattern)) {
    const path = `${folder}/${name}/${file}`;
    try {
      if (readFileSync(path, 'utf8').trim() !== text) writeFileSync(path, text);
    } catch (error) {
      // The first processor has no such file; a block of memory may be busy and is tried again.
      if (!['ENOENT', 'EBUSY', 'EAGAIN'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
}

function entries(folder: string, pattern: RegExp): readonly string[] {
  return readdirSync(folder).filter((name) => pattern.test(name));
}

function tooSmall(now: MachineSize, wanted: MachineSize): VirtcontainersError {
  const has = `the guest has ${now.cpus} processors and ${now.memoryBytes} bytes`;
  const reason = `${has} of the ${wanted.cpus} and ${wanted.memoryBytes} wanted`;
  return new VirtcontainersError('timeout', `cannot bring online: ${reason}`);
}
