// The two files of a template: given to their owners and made to last, then compared with what was noted of them.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { errnoOf, reasonOf } from '../../base/errors.js';
import { type Files, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../../base/files/files.js';
import { openOwnFile } from '../../base/files/own-files.js';
import { jailUserId } from '../../base/namespaces/jail-spec.js';
import type { Manifest } from './manifest.js';
import type { TemplateFiles } from './templates.js';

/** The state of a VM's devices has half a MiB. */
const maxStateBytes = 64 * 1024 * 1024;
const chunkBytes = 128 * 1024;

export const partNames = ['memory', 'state'] as const;

export function templateFiles(directory: string): TemplateFiles {
  return {
    directory,
    memory: path.join(directory, 'memory'),
    state: path.join(directory, 'state'),
  };
}

/** Gives the files to their owners, waits until they are on disk, and says what they look like from now on. */
export async function settleParts(
  files: Files,
  parts: TemplateFiles,
): Promise<Pick<Manifest, 'memory' | 'state'>> {
  const memory = await settle(files, parts.memory, jailUserId, (fd) => stampOf(files, fd));
  await settle(files, parts.state, 0, () => {});
  return { memory, state: readState(files, parts.state) };
}

/** @throws Error that names a file which is not as it was noted, and says why */
export function checkParts(files: Files, parts: TemplateFiles, manifest: Manifest): void {
  named(parts.memory, () => {
    // QEMU opens it by its path, so it is looked at by its path.
    const stat = files.lstatSync(parts.memory, { bigint: true });
    if (!stat.isFile()) throw new Error('it is not a regular file');
    const { sizeBytes, inode, mtimeNs, ctimeNs } = manifest.memory;
    requireSame('size', String(sizeBytes), String(stat.size));
    requireSame('inode', inode, String(stat.ino));
    requireSame('time of modification', mtimeNs, String(stat.mtimeNs));
    requireSame('time of change', ctimeNs, String(stat.ctimeNs));
  });
  named(parts.state, () => {
    const state = readState(files, parts.state);
    requireSame('size', String(manifest.state.sizeBytes), String(state.sizeBytes));
    requireSame('sha256', manifest.state.sha256, state.sha256);
  });
}

async function settle<T>(
  files: Files,
  file: string,
  owner: number,
  look: (fd: number) => T,
): Promise<T> {
  const fd = files.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = files.fstatSync(fd);
    if (!stat.isFile()) throw new Error(`${file} is not a regular file`);
    if (stat.size === 0) throw new Error(`${file} is empty`);
    // Without root there is no jail with a user of its own.
    if (process.geteuid?.() === 0) files.fchownSync(fd, owner, owner);
    files.fchmodSync(fd, 0o600);
    await files.fsync(fd);
    return look(fd);
  } finally {
    files.closeSync(fd);
  }
}

function stampOf(files: Files, fd: number): Manifest['memory'] {
  const stat = files.fstatSync(fd, { bigint: true });
  return {
    sizeBytes: Number(stat.size),
    inode: String(stat.ino),
    mtimeNs: String(stat.mtimeNs),
    ctimeNs: String(stat.ctimeNs),
  };
}

function readState(files: Files, file: string): Manifest['state'] {
  const fd = openOwnFile(files, file, maxStateBytes);
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let sizeBytes = 0;
    for (;;) {
      const length = files.readSync(fd, chunk);
      if (length === 0) return { sizeBytes, sha256: hash.digest('hex') };
      sizeBytes += length;
      if (sizeBytes > maxStateBytes) throw new Error('it grows while it is read');
      hash.update(chunk.subarray(0, length));
    }
  } finally {
    files.closeSync(fd);
  }
}

function requireSame(what: string, noted: string, found: string): void {
  if (found !== noted) throw new Error(`its ${what} is ${found}, not ${noted}`);
}

function named(file: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    const known = { ENOENT: 'it does not exist', ELOOP: 'it is a link' };
    const reason = known[errnoOf(error) as keyof typeof known] ?? reasonOf(error);
    throw new Error(`${file}: ${reason}`, { cause: error });
  }
}
