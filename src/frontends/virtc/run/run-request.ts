// From the words and flags of `virtc run` to the options of a pod and its container; pure.
import path from 'node:path';
import { VirtcontainersError } from '../../../base/errors.js';
import { newId, validateId } from '../../../model/id.js';
import type { ContainerOptions, PodOptions, RuntimeOptions } from '../../../model/options.js';
import { toChoice } from '../flag-values.js';
import { toCapabilities } from './capabilities.js';
import { toCpus, toMemory, toTimeoutMs } from './sizes.js';
import { toTmpfsMounts } from './tmpfs.js';
import { toRlimits } from './ulimit.js';
import { toBindMount } from './volume.js';

/** The flags as the command line gives them. */
export interface RunFlags {
  readonly rootfs?: string;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly volume?: readonly string[];
  readonly memory?: string;
  readonly cpus?: string;
  readonly name?: string;
  readonly hostname?: string;
  readonly tmpfs?: readonly string[];
  readonly readOnly?: boolean;
  readonly writes?: string;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly ulimit?: readonly string[];
  readonly timeout?: string;
  readonly hypervisor?: string;
  readonly init?: boolean;
  readonly dryRun?: boolean;
  readonly format?: string;
  readonly debug?: boolean;
  readonly trace?: string | true;
}

/** What is to be run; the terminal's size is only known later. */
export interface RunRequest {
  readonly pod: PodOptions;
  readonly container: ContainerOptions;
  readonly interactive: boolean;
  readonly tty: boolean;
  /** How long the command may run, in milliseconds; null means for ever. */
  readonly timeoutMs: number | null;
  /** What executes the VM; undefined leaves it to the environment. */
  readonly accelerator: RuntimeOptions['accelerator'];
}

/** Where relative paths and passed-on variables come from. */
export interface Surroundings {
  readonly cwd: string;
  /** The entries of the files that `--env-file` names. */
  readonly fileEntries: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Checks everything that can be checked without looking at the host.
 * @throws VirtcontainersError `invalid-argument`; `unsupported` for an image
 */
export function toRunRequest(
  words: readonly string[],
  flags: RunFlags,
  surroundings: Surroundings,
): RunRequest {
  const rootfs = toRootfs(words, flags, surroundings.cwd);
  const id = flags.name === undefined ? newId() : validateId('container', flags.name);
  if (words.length === 0) {
    throw new VirtcontainersError('invalid-argument', 'cannot run container: no command given', {
      hint: "put it after '--': virtc run --rootfs DIR -- CMD",
    });
  }
  return {
    pod: { id },
    container: {
      id,
      rootfs,
      command: words,
      stdin: flags.interactive === true,
      ...(flags.init === true ? { init: true } : {}),
      ...toProcessOptions(flags, surroundings),
      ...toMounts(flags, surroundings),
      ...toLimits(flags),
    },
    interactive: flags.interactive === true,
    tty: flags.tty === true,
    timeoutMs: flags.timeout === undefined ? null : toTimeoutMs(flags.timeout),
    accelerator: toChoice('--hypervisor', flags.hypervisor, ['auto', 'kvm', 'tcg']),
  };
}

type Options = Partial<ContainerOptions>;

function toProcessOptions(flags: RunFlags, surroundings: Surroundings): Options {
  const { env = [], workdir, user, hostname } = flags;
  return {
    // What a flag says holds over what a file says.
    env: toEnvironment([...surroundings.fileEntries, ...env], surroundings.environment),
    ...(workdir === undefined ? {} : { cwd: workdir }),
    ...(user === undefined ? {} : { user }),
    ...(hostname === undefined ? {} : { hostname }),
  };
}

function toMounts(flags: RunFlags, { cwd }: Surroundings): Options {
  const { volume = [], tmpfs = [], readOnly } = flags;
  const mounts = [...volume.map((text) => toBindMount(text, cwd)), ...toTmpfsMounts(tmpfs)];
  return { mounts, ...(readOnly === true ? { readOnlyRootfs: true } : {}) };
}

function toLimits(flags: RunFlags): Options {
  const { memory, cpus, ulimit = [], capAdd = [], capDrop = [] } = flags;
  const capabilities = toCapabilities(capAdd, capDrop);
  const rlimits = toRlimits(ulimit);
  return {
    ...(memory === undefined ? {} : { memoryMiB: toMemory(memory) }),
    ...(cpus === undefined ? {} : { cpus: toCpus(cpus) }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(rlimits.length === 0 ? {} : { rlimits }),
  };
}

function toRootfs(words: readonly string[], flags: RunFlags, cwd: string): Rootfs {
  const writes = toChoice('--writes', flags.writes, ['host', 'discard']);
  const directory = path.resolve(cwd, toRootPath(words, flags));
  return writes === undefined ? directory : { kind: 'directory', path: directory, writes };
}

type Rootfs = ContainerOptions['rootfs'];

function toRootPath(words: readonly string[], flags: RunFlags): string {
  const hint = 'give a directory as the root file system: virtc run --rootfs DIR -- CMD';
  if (flags.rootfs !== undefined && flags.rootfs !== '') return flags.rootfs;
  if (flags.rootfs === '' || words[0] === undefined) {
    throw new VirtcontainersError('invalid-argument', 'cannot run container: no --rootfs given', {
      hint,
    });
  }
  throw new VirtcontainersError(
    'unsupported',
    `cannot run image ${JSON.stringify(words[0])}: this version has no images yet, they come with a later one`,
    { hint },
  );
}

/** `NAME=VALUE` sets, `NAME` passes on what is set here and is dropped where it is not: as docker does. */
function toEnvironment(
  entries: readonly string[],
  environment: Surroundings['environment'],
): Record<string, string> {
  const result: [string, string][] = [];
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (name === '') {
      throw new VirtcontainersError(
        'invalid-argument',
        `cannot set variable "${entry === '' ? '' : '=…'}": it has no name`,
        { hint: 'write -e NAME=VALUE, or -e NAME to pass yours on' },
      );
    }
    const value = equals < 0 ? environment[name] : entry.slice(equals + 1);
    if (value !== undefined) result.push([name, value]);
  }
  return Object.fromEntries(result);
}
