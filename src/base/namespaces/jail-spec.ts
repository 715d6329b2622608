// What a jail is made from, and the numbers of the user that a jailed process has on the host.

/** The user on the host that is root in the jail's user namespace. */
export const jailUserId = 200_000;
/** How many ids the jail's user namespace maps, from `jailUserId` on. */
export const jailIdCount = 65_536;
/** The user of the process that holds a jail's pid namespace: an id that nothing in the jail can become. */
export const keeperUserId = jailUserId + jailIdCount - 1;

/** The namespaces that every jail has for itself. */
export const jailNamespaces = ['mount', 'pid', 'network', 'ipc', 'uts'] as const;

/** A device node that a jail can have. */
export type JailDevice = 'null' | 'urandom' | 'kvm';

/** A process and all that it may see. */
export interface JailSpec {
  /** Program, as an absolute path inside the jail, and arguments. */
  readonly argv: readonly string[];
  /** Exactly this; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory inside the jail. Default `/`. */
  readonly cwd?: string;
  /** Bound at the same absolute path, with what is mounted below. The host's packages in `/usr` are always there. */
  readonly readOnlyPaths: readonly string[];
  /** Symbolic links in the jail: where each leads to by its own place, both absolute. Default: none. */
  readonly links?: Readonly<Record<string, string>>;
  /** Bound at the same absolute path and given to the jail's user; what is mounted below is left out. */
  readonly writablePaths: readonly string[];
  /**
   * Roots that hold mount points for `attachMount`, bound at the same absolute path, always read-only themselves;
   * whether something attached below can be written is its own mount's flag.
   */
  readonly exports: readonly string[];
  readonly devices: readonly JailDevice[];
  /**
   * Regular files on the host that are opened read-only for it, as its descriptors 3 and on: it sees their content and not their
   * paths. Default: none.
   */
  readonly inherited?: readonly string[];
  /** Whether it serves files of all users (a 9p share): chown, dac_override, fowner and fsetid; else it has no capability. */
  readonly needsFileCapabilities: boolean;
  /**
   * Host trees that are known to be attached later: where one of them cannot have its ids mapped, the process gets
   * no user namespace and is uid 0 with the same four capabilities. Default `['/']`.
   */
  readonly sources?: readonly string[];
}

/** What stands between a jailed process and the host's root user. */
export interface Isolation {
  /** It is root only in a user namespace. */
  readonly userNamespace: boolean;
  /** Trees attached to its jail have their ids mapped. */
  readonly idmappedBinds: boolean;
}
