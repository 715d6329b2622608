// The user namespace of all jails of this process: made once, kept as a descriptor, and what it can be used for.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { waitFor } from '../deadline.js';
import { reasonOf, VirtcontainersError } from '../errors.js';
import { canMapIds } from './clone-tree.js';
import { type Isolation, jailIdCount, jailUserId } from './jail-spec.js';

/** Longest wait for the child that makes the namespace, in milliseconds. */
const childTimeoutMs = 10_000;

let made: Promise<number> | undefined;

/**
 * The descriptor of the jail's user namespace (ids 0 to 65535 inside are 200000 to 265535 on the host), for
 * MOUNT_ATTR_IDMAP; made once per process and never closed.
 * @throws VirtcontainersError `unsupported` where the kernel or the caller's rights allow none
 */
export function idmapUserNamespace(): Promise<number> {
  made ??= makeUserNamespace().catch((error: unknown) => {
    made = undefined;
    throw error;
  });
  return made;
}

// A process with threads cannot make a user namespace, so a child makes it and we keep its descriptor.
async function makeUserNamespace(): Promise<number> {
  const child = spawn('/usr/bin/unshare', ['--user', '--', '/usr/bin/cat'], {
    detached: true,
    cwd: '/',
    env: {},
    stdio: 'pipe',
  });
  try {
    await waitFor(echo(child), { what: 'cannot make a user namespace', timeoutMs: childTimeoutMs });
    const map = `0 ${jailUserId} ${jailIdCount}`;
    writeFileSync(`/proc/${child.pid}/uid_map`, map);
    writeFileSync(`/proc/${child.pid}/gid_map`, map);
    return openSync(`/proc/${child.pid}/ns/user`, 'r');
  } catch (error) {
    const reason = `cannot make a user namespace: ${reasonOf(error)}`;
    throw new VirtcontainersError('unsupported', reason, { cause: error });
  } finally {
    child.kill('SIGKILL');
  }
}

// What `cat` gives back proves that `unshare` has done its work before it.
async function echo(child: ChildProcessWithoutNullStreams): Promise<void> {
  child.stdin.on('error', () => {});
  child.stdin.write('.');
  const failed = once(child, 'close').then(() => {
    throw new Error(String(child.stderr.read() ?? 'unshare failed').trim());
  });
  failed.catch(() => {});
  await Promise.race([once(child.stdout, 'data'), failed]);
}

/** What a jail on this host can have, and why not more. */
export interface IsolationSupport extends Isolation {
  readonly userNamespaceFd: number | null;
  /** One sentence; null where everything is there. */
  readonly reason: string | null;
}

/** Finds out whether there are user namespaces and whether the ids of all these trees can be mapped. */
export async function probeIsolation(paths: readonly string[]): Promise<IsolationSupport> {
  let userNamespaceFd: number;
  try {
    userNamespaceFd = await idmapUserNamespace();
  } catch (error) {
    const none = { userNamespace: false, idmappedBinds: false, userNamespaceFd: null };
    return { ...none, reason: reasonOf(error) };
  }
  const unmapped = paths.find((path) => !canMapIds(path, userNamespaceFd));
  const reason =
    unmapped === undefined ? null : `the file system at ${unmapped} cannot have its ids mapped`;
  return { userNamespace: true, idmappedBinds: reason === null, userNamespaceFd, reason };
}
