// Checks that a record read from a file is one, field by field, and nothing else.
import type { ContainerConfig, Mount } from '../../model/container-config.js';
import type { ExitStatus } from '../../model/exit-status.js';
import type { Handle, ProcessHandle } from '../../model/handle.js';
import type { PodConfig } from '../../model/pod-config.js';
import type { State } from '../../model/state.js';
import type { ContainerRecord, PodRecord } from './store.js';

/** Throws an Error that says where and why, unless `value` is a `T`. The type keeps each check complete. */
type Check<T> = ((value: unknown, where: string) => void) & { readonly type?: T };
type Fields<T> = { readonly [K in keyof T]-?: Check<T[K]> };

function fail(where: string, expected: string): never {
  throw new Error(`${where} is not ${expected}`);
}

const text: Check<string> = (value, where) => {
  if (typeof value !== 'string') fail(where, 'text');
};
const number: Check<number> = (value, where) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) fail(where, 'a number');
};
const limit: Check<number | 'unlimited'> = (value, where) => {
  if (value !== 'unlimited') number(value, where);
};
const flag: Check<boolean> = (value, where) => {
  if (typeof value !== 'boolean') fail(where, 'true or false');
};

function oneOf<const T extends string | number>(...values: readonly T[]): Check<T> {
  return (value, where) => {
    if (!(values as readonly unknown[]).includes(value)) fail(where, values.join(' or '));
  };
}

function orNull<T>(check: Check<T>): Check<T | null> {
  return (value, where) => {
    if (value !== null) check(value, where);
  };
}

function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) return fail(where, 'a list');
    for (const [index, item] of value.entries()) check(item, `${where}[${index}]`);
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const texts: Check<Readonly<Record<string, string>>> = (value, where) => {
  if (!isObject(value)) return fail(where, 'an object');
  for (const [key, item] of Object.entries(value)) text(item, `${where}.${key}`);
};

/** Exactly these fields. */
function object<T extends object>(fields: Fields<T>): Check<T> {
  return (value, where) => {
    if (!isObject(value)) return fail(where, 'an object');
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(fields, key)) throw new Error(`${where}.${key} is not known`);
    }
    for (const [key, check] of Object.entries<Check<unknown>>(fields)) {
      if (!Object.hasOwn(value, key)) throw new Error(`${where}.${key} is missing`);
      check(value[key], `${where}.${key}`);
    }
  };
}

/** One of several kinds of object, told apart by `kind`. */
function union<T extends { readonly kind: string }>(
  kinds: {
    readonly [K in T['kind']]: Check<Extract<T, { readonly kind: K }>>;
  },
): Check<T> {
  return (value, where) => {
    if (!isObject(value)) return fail(where, 'an object');
    const kind = String(value['kind']);
    if (!Object.hasOwn(kinds, kind)) fail(`${where}.kind`, Object.keys(kinds).join(' or '));
    kinds[kind as T['kind']](value, where);
  };
}

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
  handles: list(handle),
  containers: list(containerRecord),
  accelerator: orNull(oneOf('kvm', 'tcg')),
  origin: orNull(oneOf('boot', 'clone')),
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
  // What was written before there were templates does not say it.
  const record = isObject(value) ? { origin: null, ...value } : value;
  podRecord(record, 'record');
  return record as PodRecord;
}
