// Decides whether KVM can be used: not by opening its device alone, which succeeds on hosts where every guest hangs.
import { constants, existsSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf, VirtcontainersError } from '../../../base/errors.js';
import type { Accelerator } from '../hypervisor.js';
import { ProbeCache } from './probe-cache.js';
import { runProbeGuest } from './probe-guest.js';

/** What the probe asks of the host, cheapest first; each gives null for yes, else why not. */
export interface KvmProbeParts {
  readonly cpuHasVirtualization: () => Promise<string | null>;
  readonly deviceOpens: () => Promise<string | null>;
  readonly guestRuns: (options?: ProbeOptions) => Promise<string | null>;
}

export interface ProbeOptions {
  /** Whether an answer may be written down for the next time. Default true. */
  readonly remember?: boolean;
}

/** Asks until the first no. */
export async function probeKvm(parts: KvmProbeParts, options?: ProbeOptions): Promise<Accelerator> {
  const no =
    (await parts.cpuHasVirtualization()) ??
    (await parts.deviceOpens()) ??
    (await parts.guestRuns(options));
  return no === null
    ? { kind: 'kvm', reason: 'the processor has it, /dev/kvm opens and a test guest ran' }
    : { kind: 'tcg', reason: `KVM cannot be used: ${no}` };
}

/**
 * The accelerator for a wish, given what the probe said.
 * @throws VirtcontainersError `unsupported` if KVM is insisted on where it does not work
 */
export function chooseAccelerator(wanted: 'auto' | 'kvm', probed: Accelerator): Accelerator {
  if (wanted === 'auto' || probed.kind === 'kvm') return probed;
  throw new VirtcontainersError(
    'unsupported',
    `cannot use accelerator kvm: ${probed.reason.replace('KVM cannot be used: ', '')}`,
    { hint: "accelerator 'auto' or 'tcg' emulates instead, some ten times slower" },
  );
}

export interface HostKvmOptions {
  /** QEMU's program, absolute. */
  readonly program: string;
  /** Directory that keeps the test guest's result until the next boot; null keeps it nowhere. */
  readonly cacheDirectory: string | null;
}

/** Longest wait for the test guest, in milliseconds: it takes 50, QEMU's start included. */
const guestTimeoutMs = 2000;
/** How long a no of the test guest counts, in milliseconds: a busy host may have caused it. */
const refusalLifeMs = 3_600_000;

/** The parts for this host. */
export function hostKvm(options: HostKvmOptions): KvmProbeParts {
  return {
    cpuHasVirtualization: async () =>
      hasVirtualization(await readFile('/proc/cpuinfo', 'latin1'))
        ? null
        : 'the processor offers no virtualization (neither vmx nor svm in /proc/cpuinfo)',
    deviceOpens: () => opensDevice('/dev/kvm'),
    guestRuns: (probe) => cachedGuestRun(options, probe),
  };
}

/** Whether the first processor's flags hold Intel's or AMD's extension. */
export function hasVirtualization(cpuinfo: string): boolean {
  return /^flags\s*:.*\b(?:vmx|svm)\b/m.test(cpuinfo);
}

/** Null if the device can be opened for reading and writing. */
export async function opensDevice(device: string): Promise<string | null> {
  try {
    const file = await open(device, constants.O_RDWR);
    await file.close();
    return null;
  } catch (error) {
    return `${device} does not open (${reasonOf(error)})`;
  }
}

async function cachedGuestRun(
  { program, cacheDirectory }: HostKvmOptions,
  { remember = true }: ProbeOptions = {},
): Promise<string | null> {
  const run = () => runProbeGuest({ program, accelerator: 'kvm', timeoutMs: guestTimeoutMs });
  if (cacheDirectory === null) return run();
  if (!existsSync(program)) return `${program} is not there`;
  const cache = new ProbeCache({
    file: path.join(cacheDirectory, 'kvm-probe.json'),
    key: await hostKey(program),
    refusalLifeMs,
  });
  return remember ? cache.remember(run) : cache.recall(run);
}

/** Changes with what can change the result: a boot (kernel, modules), another QEMU, another user. */
async function hostKey(program: string): Promise<string> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
  const { size, mtimeMs } = await stat(program);
  return [bootId, program, size, mtimeMs, process.geteuid?.() ?? 0].join(' ');
}
