// Converts what a guest says of its processes and of what they use; all of it may be a lie, none of it may hurt.
import { VirtcontainersError } from '../../base/errors.js';
import { printable } from '../../base/untrusted-text.js';
import type { ContainerStats, CpuStats, ProcessInfo, ProcessList } from '../../model/usage.js';
import type {
  CpuStats as CpuMessage,
  ListProcessesResponse,
  MachineStats as MachineMessage,
  ContainerStats as StatsMessage,
  StatsResponse,
} from '../../wire/gen/agent_pb.js';
import type { GuestStats } from './agent.js';

/** Most processes in an answer. */
const maxListed = 1024;
const maxNameLength = 64;
/** Longest command line, in characters: what a guest that does not lie sends. */
const maxCommandLength = 4096;

const states: ReadonlyMap<string, ProcessInfo['state']> = new Map([
  ['R', 'running'],
  ['S', 'sleeping'],
  ['I', 'sleeping'],
  ['D', 'blocked'],
  ['T', 'stopped'],
  ['t', 'stopped'],
  ['Z', 'zombie'],
]);

/** @throws VirtcontainersError `internal` for more processes than a guest may send */
export function toProcessList(
  { processes, total }: ListProcessesResponse,
  containerId: string,
  what: string,
): ProcessList {
  if (processes.length > maxListed) {
    const reason = `the guest sent ${processes.length} processes where it may send ${maxListed}`;
    throw new VirtcontainersError('internal', `${what}: ${reason}`);
  }
  return {
    processes: processes.map((entry) => ({
      pid: entry.pid,
      parentPid: entry.parentPid,
      uid: entry.uid,
      command: toCommand(entry.args),
      name: printable(entry.name, maxNameLength),
      state: states.get(entry.state) ?? 'other',
      elapsedMs: toNumber(entry.elapsedMs),
      processId: entry.init ? containerId : toProcessId(entry.processId),
    })),
    total: Math.max(total, processes.length),
  };
}

/** @param asked whose the answer may be; the guest's first word of each counts */
export function toGuestStats(response: StatsResponse, asked: readonly string[]): GuestStats {
  const containers = asked.flatMap((id) => {
    const message = response.containers.find(({ containerId }) => containerId === id);
    return message === undefined ? [] : [toContainerStats(message)];
  });
  const { machine } = response;
  return { containers, machine: machine === undefined ? null : toMachine(machine) };
}

function toContainerStats(message: StatsMessage): ContainerStats {
  const { containerId, cpu, memory, pids, io } = message;
  return {
    containerId,
    cpu: cpu === undefined ? null : toCpu(cpu),
    memory: memory === undefined ? null : toMemory(memory),
    pids:
      pids === undefined ? null : { current: toNumber(pids.current), limit: orNull(pids.limit) },
    io:
      io === undefined
        ? null
        : {
            readBytes: toNumber(io.readBytes),
            writeBytes: toNumber(io.writeBytes),
            reads: toNumber(io.reads),
            writes: toNumber(io.writes),
          },
  };
}

function toMemory(memory: NonNullable<StatsMessage['memory']>): ContainerStats['memory'] {
  const currentBytes = toNumber(memory.currentBytes);
  const inactive = orNull(memory.inactiveFileBytes) ?? 0;
  return {
    currentBytes,
    workingSetBytes: Math.max(0, currentBytes - inactive),
    peakBytes: orNull(memory.peakBytes),
    limitBytes: orNull(memory.limitBytes),
    oomKills: orNull(memory.oomKills),
  };
}

function toMachine(machine: MachineMessage): GuestStats['machine'] {
  return {
    cpu: toCpu(machine.cpu),
    memoryTotalBytes: toNumber(machine.memoryTotalBytes),
    memoryAvailableBytes: toNumber(machine.memoryAvailableBytes),
  };
}

function toCpu(cpu: CpuMessage | undefined): CpuStats {
  return {
    usageUs: toNumber(cpu?.usageUs ?? 0n),
    userUs: toNumber(cpu?.userUs ?? 0n),
    systemUs: toNumber(cpu?.systemUs ?? 0n),
    throttledUs: orNull(cpu?.throttledUs),
    throttledPeriods: orNull(cpu?.throttledPeriods),
  };
}

// Escaping can make it longer, and empty arguments cost nothing where they come from: both have their bound here.
function toCommand(args: readonly string[]): readonly string[] {
  const command: string[] = [];
  let left = maxCommandLength;
  for (const arg of args) {
    if (left <= 0) break;
    const text = printable(arg, left);
    command.push(text);
    left -= text.length + 1;
  }
  return command;
}

function toProcessId(id: string): string | null {
  return id === '' ? null : printable(id, 128);
}

function orNull(value: bigint | undefined): number | null {
  return value === undefined ? null : toNumber(value);
}

/** Far beyond every true value there is no difference that counts. */
function toNumber(value: bigint): number {
  return Number(value < Number.MAX_SAFE_INTEGER ? value : Number.MAX_SAFE_INTEGER);
}
