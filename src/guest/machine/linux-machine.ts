// The VM itself: what the agent mounts at its start, its identity, its size.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { VirtcontainersError } from '../../base/errors.js';
import { addEntropy, setClock, setHostname } from '../../base/native/machine.js';
import { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, mount } from '../../base/native/mounts.js';
import { monotonicMs } from '../../base/trace/span.js';
import type { Identity, MachineSize, System } from '../doors.js';
import type { MachineUsage } from '../usage.js';
import { toMachineUsage } from './machine-usage.js';
import { bringOnline } from './online.js';

/** Fewest bytes of entropy that make a machine its own. */
const minEntropyBytes = 32;

/** Mounts what the kernel's init has left to the agent. @param folder a directory of the agent's, on a tmpfs */
export function mountBase(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mount({
    source: 'cgroup2',
    target: '/sys/fs/cgroup',
    type: 'cgroup2',
    flags: MS_NOSUID | MS_NODEV | MS_NOEXEC,
  });
}

/** The machine that the agent runs on as its first process. */
export class LinuxMachine implements System {
  readonly #folder: string;
  #kernelRelease: string | undefined;
  readonly #onSize: () => void;

  /**
   * @param folder a directory of the agent's, on a tmpfs
   * @param onSize told when its size may have changed
   */
  constructor(folder: string, onSize: () => void) {
    this.#folder = folder;
    this.#onSize = onSize;
  }

  /** Read once: a handshake is the first thing that a clone does, and each file that it reads is code to be translated. */
  get kernelRelease(): string {
    this.#kernelRelease ??= readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
    return this.#kernelRelease;
  }

  /** The guest is never suspended, so its monotonic clock is its uptime. */
  uptimeMs(): number {
    return monotonicMs();
  }

  /** The agent itself keeps nothing random and no clock: what it uses of both comes from the kernel each time. */
  async personalize({ entropy, timeNs, hostname, machineId }: Identity): Promise<void> {
    if (entropy.length < minEntropyBytes || !/^[0-9a-f]{32}$/.test(machineId)) {
      const reason = `it has ${entropy.length} bytes of entropy and the machine id ${machineId}`;
      throw new VirtcontainersError('invalid-argument', `cannot take identity: ${reason}`);
    }
    // First: while the rest is done the time goes on.
    setClock(timeNs);
    const random = openSync('/dev/random', 'r');
    try {
      addEntropy(random, entropy);
    } finally {
      closeSync(random);
    }
    setHostname(hostname);
    this.#replace('/etc/hostname', `${hostname}\n`);
    this.#replace('/etc/machine-id', `${machineId}\n`);
  }

  async online(size: MachineSize): Promise<MachineSize> {
    try {
      return await bringOnline('/sys/devices/system', size);
    } finally {
      this.#onSize();
    }
  }

  usage(): MachineUsage {
    return toMachineUsage(
      readFileSync('/proc/stat', 'utf8'),
      readFileSync('/proc/meminfo', 'utf8'),
    );
  }

  /** The root image is read-only, so a file of it is covered by one on the tmpfs: once, then that is written. */
  #replace(path: string, text: string): void {
    const copy = `${this.#folder}/${path.replaceAll('/', '_')}`;
    const isCovered = existsSync(copy);
    writeFileSync(copy, text);
    if (isCovered || !existsSync(path)) return;
    mount({ source: copy, target: path, type: null, flags: MS_BIND });
  }
}
