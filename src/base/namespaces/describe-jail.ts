// What a jail would be, in words: for people, before anything is made.
import { type Isolation, type JailSpec, jailNamespaces, jailUserId } from './jail-spec.js';
import { fileCapabilities } from './launcher.js';
import { systemParts } from './system-parts.js';

/** A jail as it would be made. */
export interface JailDescription {
  /** What its process is on the host, and what it takes itself for. */
  readonly user: { readonly hostUid: number; readonly uid: number };
  /** Its own. */
  readonly namespaces: readonly string[];
  /** All that it may ever have, for example `CAP_CHOWN`; in a user namespace of its own they count only there. */
  readonly capabilities: readonly string[];
  readonly workingDirectory: string;
  /** Bound read-only, each at its own path. */
  readonly readOnlyBinds: readonly string[];
  readonly writableBinds: readonly string[];
  /** Roots that hold the mount points of a share. */
  readonly exports: readonly string[];
  /** Files whose content it can read, at its descriptors 3 and on, without having their paths. */
  readonly inherited: readonly string[];
  readonly devices: readonly string[];
}

/** Describes what `spawnInJail` makes of a specification on a host that has that isolation. */
export function describeJail(spec: JailSpec, isolation: Isolation): JailDescription {
  const userNamespace = usesUserNamespace(spec, isolation);
  const isHostRoot = !userNamespace && spec.needsFileCapabilities;
  const kept = spec.needsFileCapabilities ? fileCapabilities : [];
  return {
    user: {
      hostUid: isHostRoot ? 0 : jailUserId,
      uid: userNamespace || isHostRoot ? 0 : jailUserId,
    },
    namespaces: [...(userNamespace ? ['user'] : []), ...jailNamespaces],
    capabilities: kept.map((name) => `CAP_${name.toUpperCase()}`),
    workingDirectory: spec.cwd ?? '/',
    readOnlyBinds: [...systemParts(spec.argv[0] ?? '').binds, ...spec.readOnlyPaths],
    writableBinds: spec.writablePaths,
    exports: spec.exports,
    inherited: spec.inherited ?? [],
    devices: spec.devices.map((name) => `/dev/${name}`),
  };
}

/** Serving files through a user namespace needs their ids mapped; without files it needs nothing. */
export function usesUserNamespace(
  spec: Pick<JailSpec, 'needsFileCapabilities'>,
  isolation: Isolation,
): boolean {
  return isolation.userNamespace && (isolation.idmappedBinds || !spec.needsFileCapabilities);
}
