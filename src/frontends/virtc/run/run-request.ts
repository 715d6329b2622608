// From the words and flags of `virtc run` to the options of a pod and its container; pure.
import path from 'node:path';
import { VirtcontainersError } from '../../../base/errors.js';
import { newId, validateId } from '../../../model/id.js';
import type { ContainerOptions, PodOptions, RuntimeOptions } from '../../../model/options.js';
import { badFlag, toChoice } from '../flag-values.js';
import { toCapabilities } from './capabilities.js';
import { toEnvironment } from './environment.js';
import { toLabels } from './labels.js';
import { toCpus, toMemory, toPidsLimit, toTimeoutMs } from './sizes.js';
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
  readonly entrypoint?: string;
  readonly label?: readonly string[];
  readonly network?: string;
  readonly pidsLimit?: string;
  readonly init?: boolean;
  readonly detach?: boolean;
  readonly rm?: boolean;
  readonly pod?: string;
  readonly dryRun?: boolean;
  readonly debug?: boolean;
  readonly trace?: string | true;
  /** Of `--no-template`. */
  readonly template?: boolean;
}

/** What is to be run; the terminal's size is only known later. */
export interface RunRequest {
  /** The pod that is made for it, unless it goes into one that is there. */
  readonly pod: PodOptions;
  /** The pod that it goes into, as it was written; null: one of its own. */
  readonly inPod: string | null;
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
  refuseNetwork(flags.network);
  // As docker's: there is no image whose entry point it replaces, so it comes before the words.
  const command = flags.entrypoint ? [flags.entrypoint, ...words] : words;
  const { label = [] } = flags;
  const labels = label.length === 0 ? {} : { labels: toLabels(label) };
  const id = flags.name === undefined ? newId() : validateId('container', flags.name);
  if (command.length === 0) {
    throw new VirtcontainersError('invalid-argument', 'cannot run container: no command given', {
      hint: "put it after '--': virtc run --rootfs DIR -- CMD",
    });
  }
  checkTogether(flags);
  return {
    pod: { id, ...labels },
    inPod: flags.pod ?? null,
    container: {
      id,
      rootfs,
      command,
      ...labels,
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

/** Refuses flags that cannot hold together. */
function checkTogether(flags: RunFlags): void {
  const { detach, pod } = flags;
  const refuse = (what: string, hint: string): never => {
    throw new VirtcontainersError('invalid-argument', `cannot run container: ${what}`, { hint });
  };
  if (detach === true && flags.timeout !== undefined) {
    refuse(
      '--timeout needs somebody who waits, and with --detach nobody does',
      'use timeout(1) in the container, or virtc stop',
    );
  }
  if (detach === true && flags.rm === true) {
    refuse(
      '--rm needs somebody who waits, and with --detach nobody does',
      'virtc wait NAME && virtc rm NAME does it',
    );
  }
  if (pod === undefined) return;
  const ofPod = [
    ['--hypervisor', flags.hypervisor],
    ['--dry-run', flags.dryRun === true ? true : undefined],
    ['--no-template', flags.template === false ? false : undefined],
  ] as const;
  for (const [flag, value] of ofPod) {
    if (value !== undefined) refuse(`${flag} is about a VM, and --pod has one`, 'leave one out');
  }
}

type Options = Partial<ContainerOptions>;

/** docker's `none` is what a pod has. */
function refuseNetwork(network: string | undefined): void {
  if (network === undefined || network === 'none') return;
  throw badFlag('--network', network, 'this version has no networks yet, it must be none', {
    code: 'unsupported',
    hint: 'leave it out: a container sees nothing but its own loopback; share files with -v SRC:DST',
  });
}

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
  const { memory, cpus, pidsLimit, ulimit = [], capAdd = [], capDrop = [] } = flags;
  const capabilities = toCapabilities(capAdd, capDrop);
  const rlimits = toRlimits(ulimit);
  return {
    ...(memory === undefined ? {} : { memoryMiB: toMemory(memory) }),
    ...(cpus === undefined ? {} : { cpus: toCpus(cpus) }),
    ...(pidsLimit === undefined ? {} : { pidsLimit: toPidsLimit(pidsLimit) }),
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
