// The names that tie QEMU's command line to the code that talks to its parts, and the room left for hot-plug.
import { createHash } from 'node:crypto';
import path from 'node:path';

/** QEMU's sockets, relative to its working directory: an absolute path could exceed a socket's 107 bytes. */
export const socketNames = {
  qmp: 'qmp.sock',
  agent: 'agent.sock',
  console: 'console.sock',
} as const;

/** Where a template's state is sent to; the host listens there. */
export const stateSocketName = 'state.sock';

export type SocketName = keyof typeof socketNames;

/** QEMU's own directory below the pod's: all that a taken-over QEMU can write beside the shares. */
export const vmDirectoryName = 'vm';

/** The virtio-serial port on which the guest's agent listens. */
export const agentPortName = 'virtc.agent.0';

/** The VM's memory before anything is added; a template's state names it. */
export const bootMemoryId = 'm0';

/** How often memory can be added; each slot costs the guest some ACPI code at boot. */
export const memorySlots = 16;

/** PCIe ports that wait for hot-added devices. */
export const rootPorts = 4;

/** What a handle in a record calls this hypervisor. */
export const hypervisorName = 'qemu';

/** What ends the names of a run root's VMs and their cgroups: `<pod>.<scope>`. */
export function scopeOf(runRoot: string): string {
  return createHash('sha256').update(path.resolve(runRoot)).digest('hex').slice(0, 8);
}
