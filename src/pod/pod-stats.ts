// What a pod uses: its containers and its guest, asked in one call, and its VM's process on the host.
import { VirtcontainersError } from '../base/errors.js';
import type { PodStats } from '../model/usage.js';
import type { LiveVm } from './live-vm.js';

export async function podStats(
  live: LiveVm,
  options: {
    readonly what: string;
    readonly ids: readonly string[];
    readonly signal: AbortSignal | undefined;
  },
): Promise<PodStats> {
  const { what, ids, signal } = options;
  const query = { containerIds: ids, machine: true };
  const [{ containers, machine }, host] = await Promise.all([
    live.call(what, (agent) => agent.stats(query), signal),
    live.call(what, () => live.vm.usage(), signal),
  ]);
  if (machine === null) {
    throw new VirtcontainersError('internal', `${what}: the guest tells nothing of itself`);
  }
  const time = new Date().toISOString();
  return { time, containers, vm: { ...machine, cpus: live.size.cpus }, host };
}
