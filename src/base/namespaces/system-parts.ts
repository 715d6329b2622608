// What of the host's own packages every jail holds.
import { existsSync, lstatSync, readlinkSync } from 'node:fs';

// Where programs, their libraries and QEMU's firmware lie: what belongs to packages, and not what the host's own
// people put into /usr/local or /usr/src.
const programNames = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const systemPlaces = [
  ...['libexec', 'share', ...programNames].map((name) => `/usr/${name}`),
  ...programNames.map((name) => `/${name}`),
];
const localPrograms = '/usr/local';
// Not needed, but without it the linker searches every directory for each of QEMU's hundred libraries.
const linkerCache = '/etc/ld.so.cache';

export interface SystemParts {
  /** Bound read-only at the same path. */
  readonly binds: readonly string[];
  /** Absolute paths that are links on the host, with where they lead. */
  readonly links: readonly { readonly place: string; readonly target: string }[];
}

/** @param program the jail's, absolute: one that the host's people have installed brings its own tree along */
export function systemParts(program: string): SystemParts {
  const binds: string[] = [];
  const links: { place: string; target: string }[] = [];
  for (const place of systemPlaces) {
    const stat = lstatSync(place, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) links.push({ place, target: readlinkSync(place) });
    else if (stat?.isDirectory()) binds.push(place);
  }
  if (program.startsWith(`${localPrograms}/`)) binds.push(localPrograms);
  if (existsSync(linkerCache)) binds.push(linkerCache);
  return { binds, links };
}
