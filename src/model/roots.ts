// Where live state and what lasts are kept, by default.
import path from 'node:path';

/** Who asks, as far as it matters. */
export interface RootsOwner {
  readonly uid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The calling process. */
export function currentOwner(): RootsOwner {
  return { uid: process.geteuid?.() ?? 0, environment: process.env };
}

/** Directory of live state, gone at a reboot: `/run/virtcontainers`, under `$XDG_RUNTIME_DIR` without root. */
export function defaultRunRoot({ uid, environment }: RootsOwner = currentOwner()): string {
  if (uid === 0) return '/run/virtcontainers';
  return path.join(environment['XDG_RUNTIME_DIR'] || `/run/user/${uid}`, 'virtcontainers');
}

/** Directory of guest images and logs: `/var/lib/virtcontainers`, under `$XDG_DATA_HOME` without root. */
export function defaultLibRoot({ uid, environment }: RootsOwner = currentOwner()): string {
  if (uid === 0) return '/var/lib/virtcontainers';
  const data =
    environment['XDG_DATA_HOME'] || path.join(environment['HOME'] || '/', '.local/share');
  return path.join(data, 'virtcontainers');
}
