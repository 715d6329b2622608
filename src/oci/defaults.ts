// What every container has in its file system and may do with devices: docker's defaults.
import { shmBytes } from '../model/limits.js';
import type { OciDeviceRule, OciMount } from './spec.js';

/** Mounted in this order. The device nodes in /dev (null, zero, full, random, urandom, tty) are crun's own. */
export const systemMounts: readonly OciMount[] = [
  mount('/proc', 'proc', ['nosuid', 'noexec', 'nodev']),
  mount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
  mount('/dev/pts', 'devpts', [
    ...['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  ]),
  mount('/dev/shm', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmBytes}`]),
  mount('/dev/mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
  mount('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
  mount('/sys/fs/cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']),
];

function mount(destination: string, type: string, options: readonly string[]): OciMount {
  return { destination, type, source: type, options };
}

/** Shown empty: they tell of the kernel or reach it. */
export const maskedPaths: readonly string[] = [
  ...['/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys'],
  ...['/proc/latency_stats', '/proc/sched_debug', '/proc/scsi', '/proc/timer_list'],
  ...['/proc/timer_stats', '/sys/devices/virtual/powercap', '/sys/firmware'],
];

/** May be read but not written. */
export const readonlyPaths: readonly string[] = [
  ...['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
];

const character = (major: number, minor?: number): OciDeviceRule => ({
  ...{ allow: true, type: 'c', major },
  ...(minor === undefined ? {} : { minor }),
  access: 'rwm',
});

/** Nothing but null, zero, full, random, urandom, tty, ptmx and terminals; nodes of others may be made, not opened. */
export const deviceRules: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[3, 5, 7, 8, 9].map((minor) => character(1, minor)),
  character(5, 0),
  character(5, 2),
  character(136),
];
