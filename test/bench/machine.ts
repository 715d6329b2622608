// What a run's figures depend on: the machine, its programs, and what else it does.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { sleep } from '../../src/base/deadline.js';
import { openGuestImage } from '../../src/host/images/guest-image.js';
import { version } from '../../src/index.js';
import type { Ground } from './ground.js';
import { planRawVm } from './raw-vm.js';

export interface Machine {
  /** ISO 8601. */
  readonly date: string;
  readonly version: string;
  readonly commit: string;
  readonly processors: string;
  readonly memoryGiB: number;
  readonly hostKernel: string;
  readonly node: string;
  readonly qemu: string;
  readonly accelerator: string;
  readonly guest: string;
  /** Load averages of 1, 5 and 15 minutes before the first row. */
  readonly load: readonly number[];
  /** How much of the processors others used in the second before the first row, 0 to 1. */
  readonly busy: number;
}

export async function lookAtMachine(ground: Ground, checkout: string): Promise<Machine> {
  const busy = await busyShare();
  const load = os.loadavg();
  const image = await openGuestImage({ libRoot: ground.libRoot });
  const { argv, accelerator } = await planRawVm(ground);
  const cpus = os.cpus();
  return {
    date: new Date().toISOString(),
    version,
    commit: firstLine('git', ['-C', checkout, 'describe', '--always', '--dirty']),
    processors: `${cpus.length} × ${cpus[0]?.model.trim() || 'unknown'}`,
    memoryGiB: Math.round(os.totalmem() / 1024 ** 3),
    hostKernel: os.release(),
    node: process.versions.node,
    qemu: firstLine(argv[0] ?? '', ['--version']).replace(/^QEMU emulator version /, ''),
    accelerator,
    guest: ['kernel', 'node', 'crun'].map((name) => `${name} ${image.versions[name]}`).join(', '),
    load,
    busy,
  };
}

/** Why this run's figures mean little; null where the machine is quiet. */
export function busyWarning({ load, busy }: Machine): string | null {
  const [lastMinute = 0] = load;
  if (lastMinute < 0.5 && busy < 0.15) return null;
  return (
    `the machine is busy (load ${lastMinute.toFixed(2)}, ${(busy * 100).toFixed(0)} % of its processors in use ` +
    'before the first row): figures mean little, times are too long'
  );
}

async function busyShare(): Promise<number> {
  const before = ticks();
  await sleep(1000);
  const after = ticks();
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

/** All processors' time since boot (proc(5), stat): user, nice, system, idle, iowait, irq, softirq, steal. */
function ticks(): { readonly idle: number; readonly all: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const fields = line.split(/\s+/).slice(1, 9).map(Number);
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0);
  return { idle, all: fields.reduce((sum, value) => sum + value, 0) };
}

function firstLine(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' }).split('\n')[0] ?? '';
  } catch {
    return 'unknown';
  }
}
