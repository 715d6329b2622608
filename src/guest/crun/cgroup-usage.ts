// What a control group (version 2) has used, from its files; a file that is not there is a controller that is not there.
import { readFileSync } from 'node:fs';
import { errnoOf } from '../../base/errors.js';
import type { ContainerUsage, CpuUsage, IoUsage, MemoryUsage } from '../usage.js';

/** @param folder the group's directory */
export function readUsage(folder: string): ContainerUsage {
  const read = (name: string): string | null => readIfThere(`${folder}/${name}`);
  return {
    cpu: toCpu(read('cpu.stat')),
    memory: toMemory(read),
    pids: toPids(read('pids.current'), read('pids.max')),
    io: toIo(read('io.stat')),
  };
}

function toCpu(text: string | null): CpuUsage | null {
  const usageUs = field(text, 'usage_usec');
  if (usageUs === null) return null;
  const us = field(text, 'throttled_usec');
  return {
    usageUs,
    userUs: field(text, 'user_usec') ?? 0,
    systemUs: field(text, 'system_usec') ?? 0,
    throttled: us === null ? null : { us, periods: field(text, 'nr_throttled') ?? 0 },
  };
}

function toMemory(read: (name: string) => string | null): MemoryUsage | null {
  const currentBytes = whole(read('memory.current'));
  if (currentBytes === null) return null;
  return {
    currentBytes,
    inactiveFileBytes: field(read('memory.stat'), 'inactive_file'),
    // Since Linux 5.19.
    peakBytes: whole(read('memory.peak')),
    limitBytes: whole(read('memory.max')),
    oomKills: field(read('memory.events'), 'oom_kill'),
  };
}

function toPids(current: string | null, limit: string | null): ContainerUsage['pids'] {
  const count = whole(current);
  return count === null ? null : { current: count, limit: whole(limit) };
}

/** The sum over all devices: `254:0 rbytes=1 wbytes=2 rios=3 wios=4 …`. */
function toIo(text: string | null): IoUsage | null {
  if (text === null) return null;
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(` ${name}=(\\d+)`, 'g'))].reduce(
      (total, [, digits]) => total + Number(digits),
      0,
    );
  return {
    readBytes: sum('rbytes'),
    writeBytes: sum('wbytes'),
    reads: sum('rios'),
    writes: sum('wios'),
  };
}

/** The number in a file of one; null for `max` and for what is not there. */
function whole(text: string | null): number | null {
  return text !== null && /^\d+\n?$/.test(text) ? Number(text) : null;
}

function field(text: string | null, name: string): number | null {
  const digits = text === null ? undefined : new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // EOPNOTSUPP is what a file of a controller that was switched off says.
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}
