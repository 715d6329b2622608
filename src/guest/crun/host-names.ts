// Writes what programs look names up in: `/etc/hostname` and `/etc/hosts` of a root whose writes end with its container.
import { constants, unlinkSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../../base/errors.js';
import { O_PATH } from '../../base/native/open-beneath.js';
import { isMissing, makeDirectories, withPath } from './in-root.js';

/**
 * Replaces both files, as docker does: those of an image are of the machine that made it, and without them not even
 * `localhost` has an address.
 * @param hostname of the specification; where it is no name nothing is written
 */
export function writeHostNames(rootFd: number, hostname: unknown): void {
  if (typeof hostname !== 'string' || !/^[\w.-]+$/.test(hostname)) return;
  const files = { hostname: `${hostname}\n`, hosts: toHosts(hostname) };
  try {
    makeDirectories(rootFd, '/etc');
    const etc = { fd: rootFd, path: '/etc', flags: O_PATH | constants.O_DIRECTORY };
    withPath(etc, (fd) => {
      for (const [name, text] of Object.entries(files))
        replace(`/proc/self/fd/${fd}/${name}`, text);
    });
  } catch (error) {
    // A root whose /etc is no directory has a reason for it.
    if (!isMissing(error) && errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** A name with its domain comes first: it is what `hostname -f` then tells. */
export function toHosts(hostname: string): string {
  const [short = hostname] = hostname.split('.');
  const names = short === hostname || short === '' ? hostname : `${hostname} ${short}`;
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    // Not the address of localhost, as with Debian: the container has no other of its own.
    `127.0.1.1\t${names}`,
    '',
  ].join('\n');
}

// Removed and made anew: what lies there may be a link or a device, and is the container's.
function replace(path: string, text: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === 'EISDIR') return;
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
}
