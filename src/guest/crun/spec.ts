// Completes a specification for crun: root, shared mounts, control group, user, environment, terminal.
import { VirtcontainersError } from '../../base/errors.js';
import { isObject } from '../decode.js';
import type { TerminalSize } from '../doors.js';
import { isDirectory } from './in-root.js';
import { lookUpUser } from './user.js';

type Json = Readonly<Record<string, unknown>>;

/** What a process searches for commands where its environment has no PATH. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A process's description, completed, and what of it the agent needs itself. */
export interface CompleteProcess {
  readonly json: Json;
  readonly command: string;
  readonly searchPath: string;
  readonly cwd: string;
  readonly uid: number;
  readonly gids: readonly number[];
  readonly terminal: boolean;
}

/** @param rootFd the root in which the user is looked up */
export function completeProcess(
  rootFd: number,
  process: Json,
  size: TerminalSize | null,
): CompleteProcess {
  const args = strings(process['args'], 'args');
  const env = strings(process['env'] ?? [], 'env');
  const cwd = process['cwd'] ?? '/';
  if (typeof cwd !== 'string' || !cwd.startsWith('/')) throw refusal('cwd is no absolute path');
  const command = args[0];
  if (command === undefined) throw refusal('args is empty');
  const { user, home } = completeUser(rootFd, process['user']);
  const all = [...env];
  if (variableOf(all, 'PATH') === null) all.push(`PATH=${defaultPath}`);
  if (home !== null && variableOf(all, 'HOME') === null) all.push(`HOME=${home}`);
  const terminal = process['terminal'] === true;
  return {
    json: {
      ...process,
      env: all,
      cwd,
      user,
      ...(terminal && size !== null
        ? { consoleSize: { height: size.rows, width: size.columns } }
        : {}),
    },
    command,
    searchPath: variableOf(all, 'PATH') ?? defaultPath,
    cwd,
    uid: user.uid,
    gids: [user.gid, ...user.additionalGids],
    terminal,
  };
}

interface OciUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** `username` holds what the caller wrote, `user[:group]`; without it the numbers stand. */
function completeUser(rootFd: number, value: unknown): { user: OciUser; home: string | null } {
  const given = isObject(value) ? value : {};
  const { username, uid = 0, gid = 0, additionalGids = [], ...rest } = given;
  if (typeof username === 'string' && username !== '') {
    const { home, ...user } = lookUpUser(rootFd, username);
    return { user: { ...rest, ...user }, home };
  }
  const numbers = Array.isArray(additionalGids) ? additionalGids : [null];
  if (![uid, gid, ...numbers].every((id) => Number.isInteger(id))) {
    throw refusal('user has ids that are no numbers');
  }
  return {
    user: { ...rest, uid: uid as number, gid: gid as number, additionalGids: numbers },
    home: null,
  };
}

/** @throws VirtcontainersError with the reason `bad-working-directory` */
export function checkWorkingDirectory(rootFd: number, cwd: string): void {
  if (isDirectory(rootFd, cwd)) return;
  throw workingDirectoryError(`${JSON.stringify(cwd)} is not there`);
}

export function workingDirectoryError(why: string): VirtcontainersError {
  const message = `cannot enter working directory: ${why}`;
  return new VirtcontainersError('invalid-argument', message, {
    details: { reason: 'bad-working-directory' },
  });
}

export interface SpecPlaces {
  readonly rootPath: string;
  readonly cgroupPath: string;
  /** The guest's paths of the shared mounts, by their index. */
  readonly sharedPaths: readonly string[];
}

/** The guest's own files that a specification can mount, by the name in `virtc-guest:<name>`. */
const guestFiles: Readonly<Record<string, string>> = {
  init: '/usr/bin/tini',
  // What a template is warmed up with.
  busybox: '/usr/bin/busybox',
};
const initSource = 'virtc-guest:init';

/**
 * A container's first process, whose command is what the caller wants to run: where the specification has the guest's init
 * as the program, the command is its argument, and that is what is looked up and named in errors.
 */
export function seenThroughInit(spec: Json, process: CompleteProcess): CompleteProcess {
  const init = mountsOf(spec).find((mount) => mount['source'] === initSource);
  const [program, separator, command] = strings(process.json['args'], 'args');
  if (init === undefined || program !== init['destination']) return process;
  if (separator !== '--' || command === undefined) throw refusal('its init gets no command');
  return { ...process, command };
}

/** The specification as crun gets it. */
export function completeSpec(spec: Json, process: Json, places: SpecPlaces): Json {
  return {
    ...spec,
    // crun 1.8 refuses a version without "1.0" in it; what is newer in a specification it ignores.
    ociVersion: '1.0.2',
    root: { ...(isObject(spec['root']) ? spec['root'] : {}), path: places.rootPath },
    mounts: mountsOf(spec).map((mount) => completeMount(mount, places.sharedPaths)),
    linux: { ...(isObject(spec['linux']) ? spec['linux'] : {}), cgroupsPath: places.cgroupPath },
    process,
  };
}

/** Whether crun mounts something at a path or above it, so that the root itself does not show there. */
export function isBelowMount(spec: Json, path: string): boolean {
  return mountsOf(spec).some(({ destination }) => {
    if (typeof destination !== 'string') return false;
    const folder = destination.endsWith('/') ? destination : `${destination}/`;
    return `${path}/`.startsWith(folder);
  });
}

function completeMount(mount: Json, sharedPaths: readonly string[]): Json {
  const source = mount['source'];
  const [, kind, name] = /^virtc-(share|guest):(.*)$/s.exec(String(source)) ?? [];
  if (kind === undefined || name === undefined) return mount;
  if (kind === 'guest') {
    if (!Object.hasOwn(guestFiles, name)) throw refusal(`mount source ${source} is not known`);
    return { ...mount, source: guestFiles[name] };
  }
  const path = sharedPaths[Number(name)];
  if (path === undefined) throw refusal(`mount source ${source} names no shared mount`);
  return { ...mount, source: path };
}

function mountsOf(spec: Json): readonly Json[] {
  const mounts = spec['mounts'];
  return Array.isArray(mounts) ? mounts.filter(isObject) : [];
}

function variableOf(env: readonly string[], name: string): string | null {
  const entry = env.findLast((candidate) => candidate.startsWith(`${name}=`));
  return entry === undefined ? null : entry.slice(name.length + 1);
}

function strings(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
  throw refusal(`${name} is no list of strings`);
}

function refusal(reason: string): VirtcontainersError {
  return new VirtcontainersError('invalid-argument', `cannot use process: ${reason}`);
}
