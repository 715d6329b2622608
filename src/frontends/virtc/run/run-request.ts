// From the words and flags of `virtc run` to the options of a pod and its container; pure.
import path from 'node:path';
import { VirtcontainersError } from '../../../base/errors.js';
import { newId, validateId } from '../../../model/id.js';
import type { ContainerOptions, PodOptions } from '../../../model/options.js';
import { toCpus, toMemory } from './sizes.js';
import { toBindMount } from './volume.js';

/** The flags as the command line gives them. */
export interface RunFlags {
  readonly rootfs?: string;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly volume?: readonly string[];
  readonly memory?: string;
  readonly cpus?: string;
  readonly name?: string;
  readonly debug?: boolean;
}

/** What is to be run; the terminal's size is only known later. */
export interface RunRequest {
  readonly pod: PodOptions;
  readonly container: ContainerOptions;
  readonly interactive: boolean;
  readonly tty: boolean;
}

/** Where relative paths and passed-on variables come from. */
export interface Surroundings {
  readonly cwd: string;
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
  const rootfs = toRootfs(words, flags);
  const id = flags.name === undefined ? newId() : validateId('container', flags.name);
  if (words.length === 0) {
    throw new VirtcontainersError('invalid-argument', 'cannot run container: no command given', {
      hint: "put it after '--': virtc run --rootfs DIR -- CMD",
    });
  }
  const { env = [], volume = [], workdir, user, memory, cpus } = flags;
  return {
    pod: { id },
    container: {
      id,
      rootfs: path.resolve(surroundings.cwd, rootfs),
      command: words,
      env: toEnvironment(env, surroundings.environment),
      mounts: volume.map((text) => toBindMount(text, surroundings.cwd)),
      stdin: flags.interactive === true,
      ...(workdir === undefined ? {} : { cwd: workdir }),
      ...(user === undefined ? {} : { user }),
      ...(memory === undefined ? {} : { memoryMiB: toMemory(memory) }),
      ...(cpus === undefined ? {} : { cpus: toCpus(cpus) }),
    },
    interactive: flags.interactive === true,
    tty: flags.tty === true,
  };
}

function toRootfs(words: readonly string[], flags: RunFlags): string {
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
