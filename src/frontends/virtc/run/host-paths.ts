// Looks at the paths of a request before a VM is booted for it.
import { stat } from 'node:fs/promises';
import { errnoOf, reasonOf, VirtcontainersError } from '../../../base/errors.js';
import type { ContainerOptions } from '../../../model/options.js';

/** @throws VirtcontainersError `not-found` or `invalid-argument` */
export async function checkHostPaths(container: ContainerOptions): Promise<void> {
  const { rootfs, mounts = [] } = container;
  const rootPath = typeof rootfs === 'string' ? rootfs : rootfs.path;
  await requirePath('use root file system', rootPath, ['directory']);
  for (const mount of mounts) {
    if (mount.kind === 'bind') {
      await requirePath('bind volume', mount.source, ['directory', 'file']);
    }
  }
}

async function requirePath(
  action: string,
  file: string,
  allowed: readonly ('directory' | 'file')[],
): Promise<void> {
  const what = `cannot ${action} ${JSON.stringify(file)}`;
  let kind: 'directory' | 'file' | 'other';
  try {
    const stats = await stat(file);
    kind = stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other';
  } catch (error) {
    const missing = errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
    throw new VirtcontainersError(
      missing ? 'not-found' : 'invalid-argument',
      `${what}: ${missing ? 'there is no such path on the host' : reasonOf(error)}`,
      { cause: error, details: { path: file } },
    );
  }
  if (allowed.some((candidate) => candidate === kind)) return;
  throw new VirtcontainersError(
    'invalid-argument',
    `${what}: it is not a ${allowed.join(' or regular ')}`,
    { details: { path: file } },
  );
}
