// Says before a command is started whether the kernel would execute it, and why not.
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { VirtcontainersError } from '../../base/errors.js';
import { O_PATH } from '../../base/native/open-beneath.js';
import { isMissing, openInRoot, withPath } from './in-root.js';

export interface Command {
  /** The first of a process's arguments. */
  readonly command: string;
  /** PATH as the process will have it. */
  readonly searchPath: string;
  readonly cwd: string;
  readonly uid: number;
  readonly gids: readonly number[];
}

/**
 * Looks a command up as crun's init does, and its interpreter as the kernel does.
 * @throws VirtcontainersError with the reason `command-not-found` or `command-not-executable`
 */
export function checkExecutable(rootFd: number, command: Command): void {
  let refusal: VirtcontainersError | null = null;
  for (const path of candidates(command)) {
    const fd = openIfThere(rootFd, path);
    if (fd === null) continue;
    try {
      const stat = fstatSync(fd);
      if (stat.isFile() && mayExecute(stat, command)) {
        checkFormat(rootFd, fd, command.command);
        return;
      }
      const why = stat.isFile() ? `${path} may not be executed` : `${path} is not a regular file`;
      refusal ??= commandError(command.command, 'command-not-executable', why);
    } finally {
      closeSync(fd);
    }
  }
  throw refusal ?? notFoundError(command.command);
}

/** The error for a command that is not there. */
export function notFoundError(command: string): VirtcontainersError {
  const where = command.includes('/') ? '' : ' in PATH';
  return commandError(command, 'command-not-found', `there is no such file${where}`);
}

/** The error for a command that is missing or cannot be executed. */
export function commandError(
  command: string,
  reason: 'command-not-found' | 'command-not-executable',
  why: string,
): VirtcontainersError {
  const shown = JSON.stringify(command.slice(0, 1024));
  return new VirtcontainersError('invalid-argument', `cannot execute ${shown}: ${why}`, {
    details: { reason },
  });
}

function candidates({ command, searchPath, cwd }: Command): readonly string[] {
  if (command === '') return [];
  if (command.startsWith('/')) return [command];
  if (command.includes('/')) return [`${cwd}/${command}`];
  return searchPath
    .split(':')
    .map((folder) => `${folder.startsWith('/') ? folder : `${cwd}/${folder}`}/${command}`);
}

function openIfThere(rootFd: number, path: string): number | null {
  try {
    return openInRoot(rootFd, path, O_PATH);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** The permission bits; the kernel's root may execute what anyone may. */
function mayExecute({ mode, uid, gid }: Stats, user: Command): boolean {
  if (user.uid === 0) return (mode & 0o111) !== 0;
  if (user.uid === uid) return (mode & 0o100) !== 0;
  return (mode & (user.gids.includes(gid) ? 0o010 : 0o001)) !== 0;
}

const headerBytes = 4096;

/** Refuses what execve(2) would: no known format, another processor's, an interpreter that is not there. */
function checkFormat(rootFd: number, pathFd: number, command: string): void {
  // The descriptor only names the file; it is opened anew for reading, by a link of the kernel's.
  const fd = openSync(`/proc/self/fd/${pathFd}`, constants.O_RDONLY);
  let interpreter: string | null;
  try {
    const header = read(fd, 0, headerBytes);
    const format = formatOf(header);
    if (format.kind === 'unknown') {
      throw commandError(command, 'command-not-executable', format.why);
    }
    interpreter = format.kind === 'script' ? format.interpreter : elfInterpreter(fd, header);
  } finally {
    closeSync(fd);
  }
  if (interpreter === null) return;
  try {
    withPath({ fd: rootFd, path: interpreter, flags: O_PATH }, () => {});
  } catch (error) {
    if (!isMissing(error)) throw error;
    const why = `its interpreter ${interpreter.slice(0, 256)} is missing`;
    throw commandError(command, 'command-not-found', why);
  }
}

type Format =
  | { readonly kind: 'script'; readonly interpreter: string }
  | { readonly kind: 'elf' }
  | { readonly kind: 'unknown'; readonly why: string };

function formatOf(header: Buffer): Format {
  if (header.subarray(0, 2).toString('latin1') === '#!') {
    const line = header.subarray(2, 258).toString('utf8').split('\n')[0] ?? '';
    const interpreter = line.trim().split(/[ \t]/)[0] ?? '';
    if (interpreter !== '') return { kind: 'script', interpreter };
  }
  const EM_386 = 3;
  const EM_X86_64 = 62;
  if (header.length >= 64 && header.subarray(0, 4).toString('latin1') === '\x7fELF') {
    if ([EM_386, EM_X86_64].includes(header.readUInt16LE(18))) return { kind: 'elf' };
    return { kind: 'unknown', why: 'it is made for another processor' };
  }
  return { kind: 'unknown', why: 'it has no known format (exec format error)' };
}

/** The dynamic loader that a 64-bit ELF file names; null where it names none, or says so in an unusual place. */
function elfInterpreter(fd: number, header: Buffer): string | null {
  const ELFCLASS64 = 2;
  const PT_INTERP = 3;
  if (header[4] !== ELFCLASS64) return null;
  const tableOffset = Number(header.readBigUInt64LE(32));
  const entrySize = header.readUInt16LE(54);
  const entries = header.readUInt16LE(56);
  for (let index = 0; index < entries; index++) {
    const offset = tableOffset + index * entrySize;
    if (offset + 40 > header.length) return null;
    if (header.readUInt32LE(offset) !== PT_INTERP) continue;
    const length = Number(header.readBigUInt64LE(offset + 32));
    const text = read(fd, Number(header.readBigUInt64LE(offset + 8)), Math.min(length, 4096));
    return text.toString('utf8').split('\0')[0] || null;
  }
  return null;
}

function read(fd: number, position: number, length: number): Buffer {
  if (!Number.isSafeInteger(position)) return Buffer.alloc(0);
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position));
}
