// What containers and the machine use, and which processes there are: what the doors give and the service sends.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ContainerStatsSchema,
  CpuStatsSchema,
  MachineStatsSchema,
  ProcessEntrySchema,
} from '../wire/gen/agent_pb.js';

/** Processor time since the beginning, in microseconds. */
export interface CpuUsage {
  readonly usageUs: number;
  readonly userUs: number;
  readonly systemUs: number;
  /** Null without the controller. */
  readonly throttled: { readonly periods: number; readonly us: number } | null;
}

export interface MemoryUsage {
  readonly currentBytes: number;
  readonly inactiveFileBytes: number | null;
  readonly peakBytes: number | null;
  /** Null without a limit. */
  readonly limitBytes: number | null;
  readonly oomKills: number | null;
}

/** Null stands for what the kernel does not count. */
export interface ContainerUsage {
  readonly cpu: CpuUsage | null;
  readonly memory: MemoryUsage | null;
  readonly pids: { readonly current: number; readonly limit: number | null } | null;
  readonly io: IoUsage | null;
}

export interface IoUsage {
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface MachineUsage {
  readonly cpu: CpuUsage;
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
}

/** A process as the kernel shows it. */
export interface ListedProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly uid: number;
  readonly state: string;
  readonly name: string;
  readonly args: readonly string[];
  readonly elapsedMs: number;
}

export interface ProcessListing {
  /** Bounded in number and in size. */
  readonly processes: readonly ListedProcess[];
  /** How many there are. */
  readonly total: number;
}

export function toContainerStats(
  containerId: string,
  { cpu, memory, pids, io }: ContainerUsage,
): MessageInitShape<typeof ContainerStatsSchema> {
  return {
    containerId,
    ...(cpu === null ? {} : { cpu: toCpuStats(cpu) }),
    ...(memory === null
      ? {}
      : {
          memory: {
            currentBytes: BigInt(memory.currentBytes),
            ...toOptional('inactiveFileBytes', memory.inactiveFileBytes),
            ...toOptional('peakBytes', memory.peakBytes),
            ...toOptional('limitBytes', memory.limitBytes),
            ...toOptional('oomKills', memory.oomKills),
          },
        }),
    ...(pids === null
      ? {}
      : { pids: { current: BigInt(pids.current), ...toOptional('limit', pids.limit) } }),
    ...(io === null
      ? {}
      : {
          io: {
            readBytes: BigInt(io.readBytes),
            writeBytes: BigInt(io.writeBytes),
            reads: BigInt(io.reads),
            writes: BigInt(io.writes),
          },
        }),
  };
}

export function toMachineStats(usage: MachineUsage): MessageInitShape<typeof MachineStatsSchema> {
  return {
    cpu: toCpuStats(usage.cpu),
    memoryTotalBytes: BigInt(usage.memoryTotalBytes),
    memoryAvailableBytes: BigInt(usage.memoryAvailableBytes),
  };
}

/** @param processId null for a process that the host has not started, empty for init */
export function toProcessEntry(
  { elapsedMs, args, ...rest }: ListedProcess,
  processId: string | null,
): MessageInitShape<typeof ProcessEntrySchema> {
  return {
    ...rest,
    args: [...args],
    elapsedMs: BigInt(elapsedMs),
    init: processId === '',
    processId: processId ?? '',
  };
}

function toCpuStats(cpu: CpuUsage): MessageInitShape<typeof CpuStatsSchema> {
  return {
    usageUs: BigInt(cpu.usageUs),
    userUs: BigInt(cpu.userUs),
    systemUs: BigInt(cpu.systemUs),
    ...toOptional('throttledUs', cpu.throttled?.us ?? null),
    ...toOptional('throttledPeriods', cpu.throttled?.periods ?? null),
  };
}

function toOptional<K extends string>(
  name: K,
  value: number | null,
): { readonly [N in K]?: bigint } {
  return (value === null ? {} : { [name]: BigInt(value) }) as { readonly [N in K]?: bigint };
}
