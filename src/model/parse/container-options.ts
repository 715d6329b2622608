// Options of a container to its complete configuration, with the checks across options.
import path from 'node:path';
import { VirtcontainersError } from '../../base/errors.js';
import { allCapabilities, defaultCapabilities, rlimitTypes } from '../capabilities.js';
import type { ContainerConfig, Mount, ResourceLimit } from '../container-config.js';
import { type Defaults, defaults } from '../defaults.js';
import { newId, validateId } from '../id.js';
import {
  guestOverheadMiB,
  initPath,
  maxPidsLimit,
  maxVmCpus,
  maxVmMemoryMiB,
  minContainerCpus,
  minContainerMemoryMiB,
} from '../limits.js';
import { tmpfsOptionFault } from '../tmpfs-options.js';
import {
  type CollectConfig,
  collectShape,
  type EndConfig,
  endShape,
  toCollectConfig,
  toEndConfig,
} from './command-options.js';
import { type Parts, parts } from './parts.js';
import { processShape } from './process-options.js';
import { check, loadZod, type Output, strict, type Z } from './schema.js';
import { showValue } from './show-value.js';

const MiB = 1024 * 1024;
const maxContainerMemoryMiB = maxVmMemoryMiB - guestOverheadMiB;

let schemas: ReturnType<typeof allSchemas> | undefined;

function allSchemas(z: Z) {
  const p = parts(z);
  const shape = containerShape(z, p);
  const { stdin: _, ...withoutStdin } = shape;
  const { killSignal: __, ...end } = endShape(p);
  return {
    container: strict(z, 'a container', shape),
    run: strict(z, 'run', { ...withoutStdin, ...end, ...collectShape(z, p) }),
  };
}

type ContainerDefaults = Pick<Defaults, 'pidsLimit' | 'writes'>;

/** What `run` of a pod is asked for. */
export interface ContainerRunRequest extends CollectConfig {
  readonly config: ContainerConfig;
  readonly end: EndConfig;
}

/**
 * What `run` of a pod runs.
 * @throws VirtcontainersError `invalid-argument`
 */
export async function parseContainerRunOptions(
  options: unknown,
  otherwise: ContainerDefaults = defaults,
): Promise<ContainerRunRequest> {
  schemas ??= allSchemas(await loadZod());
  const id = idOf('container', options);
  const what = `cannot run container ${id}`;
  const parsed = check(what, schemas.run, options);
  const collect = toCollectConfig(parsed);
  const config = toConfig(what, { ...parsed, id, stdin: collect.input !== null }, otherwise);
  return { config, end: toEndConfig({ ...parsed, killSignal: config.stopSignal }), ...collect };
}

/**
 * A container's complete configuration.
 * @throws VirtcontainersError `invalid-argument`
 */
export async function parseContainerOptions(
  options: unknown,
  otherwise: ContainerDefaults = defaults,
): Promise<ContainerConfig> {
  schemas ??= allSchemas(await loadZod());
  const id = idOf('container', options);
  const what = `cannot create container ${id}`;
  return toConfig(what, { ...check(what, schemas.container, options), id }, otherwise);
}

type Parsed = Output<ReturnType<typeof allSchemas>['container']>;

function toConfig(
  what: string,
  parsed: Omit<Parsed, 'id'> & { readonly id: string },
  otherwise: ContainerDefaults,
): ContainerConfig {
  const { id } = parsed;
  const mounts = parsed.mounts ?? [];
  refuseRepeated(
    what,
    'mounts',
    mounts.map((mount) => mount.destination),
  );
  if (parsed.init === true) refuseAtInit(what, mounts);
  refuseRepeated(what, 'capabilities', parsed.capabilities ?? []);
  refuseRepeated(
    what,
    'rlimits',
    (parsed.rlimits ?? []).map((limit) => limit.type),
  );
  return {
    id,
    rootfs: { ...parsed.rootfs, writes: parsed.rootfs.writes ?? otherwise.writes },
    readOnlyRootfs: parsed.readOnlyRootfs ?? false,
    process: {
      command: parsed.command,
      env: parsed.env ?? {},
      cwd: parsed.cwd ?? '/',
      user: parsed.user ?? '0',
      terminal: parsed.terminal ?? null,
      stdin: parsed.stdin ?? false,
    },
    init: parsed.init ?? false,
    hostname: parsed.hostname ?? null,
    mounts,
    resources: {
      memoryBytes: parsed.memoryMiB ?? null,
      cpus: parsed.cpus ?? null,
      pids: parsed.pidsLimit ?? otherwise.pidsLimit,
    },
    capabilities: parsed.capabilities ?? defaultCapabilities,
    rlimits: parsed.rlimits ?? [],
    stopSignal: parsed.stopSignal ?? 'SIGTERM',
    labels: parsed.labels ?? {},
  };
}

/** The id that options ask for, checked, or a fresh one. */
export function idOf(noun: 'pod' | 'container', options: unknown): string {
  if (typeof options !== 'object' || options === null || !('id' in options)) return newId();
  return options.id === undefined ? newId() : validateId(noun, options.id as string);
}

function containerShape(z: Z, p: Parts) {
  const least = minContainerMemoryMiB * MiB;
  return {
    ...processShape(p),
    id: z.unknown().optional(),
    signal: p.abortSignal.optional(),
    rootfs: rootfsSchema(z, p),
    command: p.command,
    init: p.boolean.optional(),
    readOnlyRootfs: p.boolean.optional(),
    hostname: p.hostname.optional(),
    mounts: z.array(mountSchema(z, p), { error: 'must be a list of mounts' }).optional(),
    memoryMiB: p
      .size(
        MiB,
        least,
        maxContainerMemoryMiB * MiB,
        `must be from ${minContainerMemoryMiB} MiB (what a container needs to start) to ${maxContainerMemoryMiB} MiB`,
      )
      .optional(),
    cpus: z
      .number({ error: cpusRule })
      .refine((cpus) => cpus >= minContainerCpus && cpus <= maxVmCpus, { error: cpusRule })
      .optional(),
    pidsLimit: p.integer(1, maxPidsLimit).optional(),
    capabilities: z
      .array(nameIn(p, 'capability', allCapabilities), { error: 'must be a list of names' })
      .optional(),
    rlimits: z.array(rlimitSchema(z, p), { error: 'must be a list of limits' }).optional(),
    stopSignal: p.signal.optional(),
    labels: p.labels.optional(),
  };
}

const cpusRule = `must be a number from ${minContainerCpus} to ${maxVmCpus}`;

function rootfsSchema(z: Z, p: Parts) {
  const rule = "must be a directory's path or { kind: 'directory', path, writes }";
  const directory = strict(z, 'a root file system', {
    kind: z.literal('directory', { error: "must be 'directory'" }),
    path: p.hostPath,
    writes: z.enum(['host', 'discard'], { error: "must be 'host' or 'discard'" }).optional(),
  });
  const text = p.hostPath.transform((value) => ({
    kind: 'directory' as const,
    path: value,
    writes: undefined,
  }));
  return z.unknown().transform((value, context) => {
    // Not a union: a union would hide which option inside the object is wrong.
    const kind =
      typeof value === 'string'
        ? text
        : typeof value === 'object' && value !== null
          ? directory
          : null;
    if (kind === null) {
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    }
    const result = kind.safeParse(value);
    if (result.success) {
      return {
        kind: 'directory' as const,
        path: path.resolve(result.data.path),
        writes: result.data.writes,
      };
    }
    for (const issue of result.error.issues)
      context.issues.push({ ...issue, input: value } as never);
    return z.NEVER;
  });
}

function mountSchema(z: Z, p: Parts) {
  const destination = p.guestPath
    .refine((value) => value !== '/', { error: 'must be below the root' })
    .refine((value) => !['/proc', '/sys', '/dev'].includes(value), {
      error: 'must be another path than /proc, /sys and /dev',
    });
  const bind = strict(z, 'a bind mount', {
    kind: z.literal('bind'),
    source: p.hostPath.transform((value) => path.resolve(value)),
    destination,
    readOnly: p.boolean.optional(),
  });
  const tmpfs = strict(z, 'a tmpfs mount', {
    kind: z.literal('tmpfs'),
    destination,
    sizeBytes: p
      .size(1, 4096, maxVmMemoryMiB * MiB, `must be from 4096 bytes to ${maxVmMemoryMiB} MiB`)
      .optional(),
    options: z.array(tmpfsOption(p), { error: 'must be a list of mount options' }).optional(),
  });
  return z
    .discriminatedUnion('kind', [bind, tmpfs], {
      error: (issue) =>
        typeof issue.input === 'object' && issue.input !== null
          ? "must be 'bind' or 'tmpfs'"
          : "must be an object whose `kind` is 'bind' or 'tmpfs'",
    })
    .transform(
      (mount): Mount =>
        mount.kind === 'bind'
          ? { ...mount, readOnly: mount.readOnly ?? false }
          : { ...mount, sizeBytes: mount.sizeBytes ?? null, options: mount.options ?? [] },
    );
}

function tmpfsOption(p: Parts) {
  return p.through("must be a tmpfs mount option such as 'noexec' or 'mode=0700'", (value) =>
    typeof value === 'string' && tmpfsOptionFault(value) === null ? value : undefined,
  );
}

function rlimitSchema(z: Z, p: Parts) {
  return strict(z, 'a resource limit', {
    type: nameIn(p, 'resource limit', rlimitTypes),
    soft: rlimitValue(p),
    hard: rlimitValue(p),
  }).refine((limit) => toNumber(limit.soft) <= toNumber(limit.hard), {
    error: 'must have a soft limit up to its hard limit',
  });
}

function rlimitValue(p: Parts) {
  const rule = `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER} or 'unlimited'`;
  return p.through(rule, (value) =>
    value === 'unlimited' || (Number.isSafeInteger(value) && (value as number) >= 0)
      ? (value as ResourceLimit['soft'])
      : undefined,
  );
}

const toNumber = (limit: ResourceLimit['soft']): number =>
  limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit;

function nameIn(p: Parts, noun: string, names: readonly string[]) {
  return p.through(`must be the name of a ${noun} such as '${names[0]}'`, (value) =>
    typeof value === 'string' && names.includes(value) ? value : undefined,
  );
}

function refuseAtInit(what: string, mounts: readonly Mount[]): void {
  const index = mounts.findIndex(({ destination }) => destination === initPath);
  if (index < 0) return;
  const option = `mounts[${index}].destination`;
  const rule = `must not be ${initPath} where an init is asked for: it lies there`;
  throw new VirtcontainersError('invalid-argument', `${what}: option \`${option}\` ${rule}`, {
    details: { option, rule },
  });
}

function refuseRepeated(what: string, option: string, values: readonly string[]): void {
  const repeated = values.find((value, index) => values.indexOf(value) !== index);
  if (repeated === undefined) return;
  const rule = `must name each only once, not ${showValue(repeated)} twice`;
  throw new VirtcontainersError('invalid-argument', `${what}: option \`${option}\` ${rule}`, {
    details: { option, rule },
  });
}
