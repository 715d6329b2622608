// Checks that a record read from a file is one, field by field, and nothing else.
import {
  type Check,
  flag,
  isObject,
  list,
  number,
  object,
  oneOf,
  orNull,
  text,
  texts,
  union,
} from '../../base/check-json.js';
import type { ContainerConfig, Mount } from '../../model/container-config.js';
import type { ExitStatus } from '../../model/exit-status.js';
import type { Handle, ProcessHandle } from '../../model/handle.js';
import type { PodConfig } from '../../model/pod-config.js';
import type { State } from '../../model/state.js';
import type { ContainerRecord, PodRecord } from './store.js';

const limit: Check<number | 'unlimited'> = (value, where) => {
  if (value !== 'unlimited') number(value, where);
};

const state = oneOf<State>('ready', 'running', 'paused', 'stopped');
const signal = text as Check<NodeJS.Signals>;

const podConfig = object<PodConfig>({
  id: text,
  hostname: text,
  cpus: number,
  memoryMiB: number,
  labels: texts,
});

const processHandle = object<ProcessHandle>({ pid: number, startTime: text });

const handle = union<Handle>({
  vm: object({ kind: oneOf('vm'), hypervisor: text, process: processHandle, cgroups: list(text) }),
  share: object({ kind: oneOf('share'), directory: text }),
});

const mount = union<Mount>({
  bind: object({ kind: oneOf('bind'), source: text, destination: text, readOnly: flag }),
  tmpfs: object({
    kind: oneOf('tmpfs'),
    destination: text,
    sizeBytes: orNull(number),
    options: list(text),
  }),
});

const containerConfig = object<ContainerConfig>({
  id: text,
  rootfs: object({ kind: oneOf('directory'), path: text, writes: oneOf('host', 'discard') }),
  readOnlyRootfs: flag,
  process: object({
    command: list(text),
    env: texts,
    cwd: text,
    user: text,
    terminal: orNull(object({ columns: number, rows: number })),
    stdin: flag,
  }),
  init: flag,
  hostname: orNull(text),
  mounts: list(mount),
  resources: object({ memoryBytes: orNull(number), cpus: orNull(number), pids: number }),
  capabilities: list(text),
  rlimits: list(object({ type: text, soft: limit, hard: limit })),
  stopSignal: signal,
  labels: texts,
});

const exitStatus = object<ExitStatus>({
  code: number,
  signal: orNull(signal),
  reason: oneOf('exited', 'signaled', 'oom'),
});

const containerRecord = object<ContainerRecord>({
  config: containerConfig,
  state,
  createdAt: text,
  startedAt: orNull(text),
  finishedAt: orNull(text),
  exit: orNull(exitStatus),
});

const podRecord = object<PodRecord>({
  version: oneOf(1),
  writtenBy: text,
  config: podConfig,
  state,
  createdAt: text,
  owner: processHandle,
  detached: flag,
  handles: list(handle),
  containers: list(containerRecord),
  accelerator: orNull(oneOf('kvm', 'tcg')),
  origin: orNull(oneOf('boot', 'clone')),
  waiting: flag,
});

/** The format that is written. */
const recordVersion = 1;

/**
 * Reads a record of this format; an older one would be brought up to it here.
 * @throws Error whose message says what is wrong with it
 */
export function parseRecord(json: string): PodRecord {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const found = json.trim() === '' ? 'it is empty' : 'it is not JSON, perhaps cut short';
    throw new Error(found, { cause: error });
  }
  if (isObject(value) && typeof value['version'] === 'number' && value['version'] > recordVersion) {
    const writer =
      typeof value['writtenBy'] === 'string' ? ` by version ${value['writtenBy']}` : '';
    throw new Error(
      `it was written${writer} in format ${value['version']}, this program reads formats up to ${recordVersion}`,
    );
  }
  // What was written before there were templates, or owners of their own, does not say it.
  const added = { origin: null, waiting: false, detached: false };
  const record = isObject(value) ? { ...added, ...value } : value;
  podRecord(record, 'record');
  return record as PodRecord;
}
