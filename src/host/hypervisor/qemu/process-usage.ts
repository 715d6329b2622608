// What a process uses, as the kernel shows it in /proc.
import { readFile } from 'node:fs/promises';
import type { HostUsage } from '../../../model/usage.js';

/** Clock ticks are hundredths of a second in what the kernel shows (USER_HZ). */
const tickUs = 10_000;

/** @param proc default `/proc` */
export async function readProcessUsage(pid: number, proc = '/proc'): Promise<HostUsage> {
  const read = (name: string): Promise<string> =>
    readFile(`${proc}/${pid}/${name}`, 'latin1').catch(() => '');
  const [stat, memory] = await Promise.all([read('stat'), read('smaps_rollup')]);
  return {
    pid,
    cpuUs: cpuUs(stat),
    rssBytes: bytesOf(memory, 'Rss'),
    pssBytes: bytesOf(memory, 'Pss'),
  };
}

// The name may hold blanks and parentheses, so that the other fields count from the last one.
function cpuUs(stat: string): number | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[11], fields[12]];
  if (user === undefined || system === undefined) return null;
  return (Number(user) + Number(system)) * tickUs;
}

function bytesOf(rollup: string, name: string): number | null {
  const kib = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(rollup)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}
