// `virtc pod ls`: the pods, from the records alone.

import type { PodStatus } from '../../../model/pod.js';
import { readable } from '../containers/find.js';
import type { ListContext } from '../containers/list-context.js';
import { tellDamaged } from '../containers/ps.js';
import { shortIdLength } from '../containers/rows.js';
import { badFlag, didYouMean } from '../flag-values.js';
import { toSince } from '../listing/docker-time.js';
import type { Fields } from '../listing/go-template.js';
import { type Listing, rowPrinter } from '../listing/print-rows.js';
import type { CommonFlags } from '../settings.js';

export interface PodLsFlags extends CommonFlags {
  readonly quiet?: boolean;
  readonly filter?: readonly string[];
  /** Of `--no-trunc`. */
  readonly trunc?: boolean;
}

const listing: Listing = {
  columns: [
    ['POD ID', 'ID'],
    ['NAME', 'Name'],
    ['STATUS', 'Status'],
    ['CREATED', 'Created'],
    ['CPUS', 'Cpus'],
    ['MEMORY', 'Memory'],
    ['OWNER', 'Owner'],
    ['# OF CONTAINERS', 'NumberOfContainers'],
  ],
  names: [
    ...['ID', 'Name', 'Status', 'State', 'Created', 'CreatedAt', 'Cpus', 'Memory', 'Owner'],
    ...['OwnerPid', 'NumberOfContainers', 'ContainerIds', 'Labels', 'Accelerator', 'Origin'],
  ],
};
const filterNames = ['id', 'name', 'label', 'status'];
const states = ['ready', 'running', 'paused', 'stopped', 'dead'] as const;

/** Resolves with the exit code. */
export async function listPods(
  flags: PodLsFlags,
  { runtime, streams }: ListContext,
  nowMs = Date.now(),
): Promise<number> {
  const keeps = parseFilters(flags.filter ?? []);
  const print = rowPrinter(flags.format, listing);
  const all = await runtime.listPods();
  const pods = [...readable(all)]
    .filter(keeps)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  if (flags.quiet === true) {
    for (const { id } of pods) streams.stdout.write(`${id}\n`);
  } else {
    const short = flags.trunc !== false;
    streams.stdout.write(print(pods.map((pod) => toRow(pod, { nowMs, short }))));
  }
  tellDamaged(all, streams.stderr);
  return 0;
}

/** A pod without an owner has no VM: what is left of it can only be removed. */
function stateOf(pod: PodStatus): (typeof states)[number] {
  return pod.ownerAlive ? pod.state : 'dead';
}

function toRow(
  pod: PodStatus,
  { nowMs, short }: { readonly nowMs: number; readonly short: boolean },
): Fields {
  const { id, createdAt, cpus, memoryMiB, containers, labels } = pod;
  const state = stateOf(pod);
  return {
    ID: short ? id.slice(0, shortIdLength) : id,
    Name: id,
    Status: `${state[0]?.toUpperCase()}${state.slice(1)}`,
    State: state,
    Created: `${toSince(createdAt, nowMs)} ago`,
    CreatedAt: createdAt,
    Cpus: String(cpus),
    Memory: `${memoryMiB}MiB`,
    // Whose end would be the pod's: that of a program, or nobody's but its own.
    Owner: pod.detached ? 'shim' : `process ${pod.ownerPid}`,
    OwnerPid: String(pod.ownerPid),
    NumberOfContainers: String(containers.length),
    ContainerIds: containers.map((container) => container.id).join(','),
    Labels: Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
    LabelsObject: labels,
    Accelerator: pod.accelerator ?? '',
    Origin: pod.origin ?? '',
  };
}

function parseFilters(texts: readonly string[]): (pod: PodStatus) => boolean {
  const tests = texts.map((text) => {
    const [name = '', ...rest] = text.split('=');
    const value = rest.join('=');
    if (rest.length === 0 || !filterNames.includes(name)) {
      throw badFlag('--filter', text, `it must be NAME=VALUE with ${filterNames.join(', ')}`, {
        ...didYouMean(name, filterNames),
      });
    }
    if (name === 'status' && !states.some((state) => state === value)) {
      throw badFlag('--filter', text, `a status is of ${states.join(', ')}`, {
        ...didYouMean(value, states),
      });
    }
    return (pod: PodStatus): boolean => {
      if (name === 'status') return stateOf(pod) === value;
      if (name === 'label') return hasLabel(pod, value);
      return pod.id.startsWith(value);
    };
  });
  return (pod) => tests.every((test) => test(pod));
}

function hasLabel({ labels }: PodStatus, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const name = wanted.slice(0, equals);
  return Object.hasOwn(labels, name) && labels[name] === wanted.slice(equals + 1);
}
