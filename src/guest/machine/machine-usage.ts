// What the whole machine uses, from what the kernel shows of it; pure.
import type { MachineUsage } from '../usage.js';

/** Clock ticks are hundredths of a second in what the kernel shows (USER_HZ). */
const tickUs = 10_000;

/** @param stat of /proc/stat @param meminfo of /proc/meminfo */
export function toMachineUsage(stat: string, meminfo: string): MachineUsage {
  // user nice system idle iowait irq softirq steal; what guests of this machine use is in user and nice already.
  const ticks = (/^cpu +([\d ]+)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = ticks;
  const userUs = (user + nice) * tickUs;
  const systemUs = (system + irq + softirq) * tickUs;
  return {
    cpu: { usageUs: userUs + systemUs, userUs, systemUs, throttled: null },
    memoryTotalBytes: bytesOf(meminfo, 'MemTotal'),
    memoryAvailableBytes: bytesOf(meminfo, 'MemAvailable'),
  };
}

function bytesOf(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
}
