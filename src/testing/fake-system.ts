// A machine without a kernel: remembers what it was asked to become.
import type { Identity, MachineSize, System } from '../guest/doors.js';
import type { MachineUsage } from '../guest/usage.js';

/** A `System` in memory; `online` has at once what was asked for. */
export class FakeSystem implements System {
  readonly kernelRelease = '6.1.0-fake';
  /** The identities it was given, the newest last. */
  readonly identities: Identity[] = [];
  size: MachineSize = { cpus: 1, memoryBytes: 512n * 1024n * 1024n };

  uptimeMs(): number {
    return 1;
  }

  async personalize(identity: Identity): Promise<void> {
    this.identities.push(identity);
  }

  async online(size: MachineSize): Promise<MachineSize> {
    const cpus = Math.max(this.size.cpus, size.cpus);
    const isMore = size.memoryBytes > this.size.memoryBytes;
    this.size = { cpus, memoryBytes: isMore ? size.memoryBytes : this.size.memoryBytes };
    return this.size;
  }

  usage(): MachineUsage {
    const memoryTotalBytes = Number(this.size.memoryBytes);
    const cpu = { usageUs: 3_000, userUs: 2_000, systemUs: 1_000, throttled: null };
    return { cpu, memoryTotalBytes, memoryAvailableBytes: memoryTotalBytes / 2 };
  }
}
