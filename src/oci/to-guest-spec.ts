// A container's configuration to the OCI runtime specification that crun reads in the guest.
import type {
  ContainerConfig,
  ProcessConfig,
  ResourceLimit,
  Resources,
  TmpfsMount,
} from '../model/container-config.js';
import { defaultPath, initPath } from '../model/limits.js';
import { mergeTmpfsOptions } from '../model/tmpfs-options.js';
import { deviceRules, maskedPaths, readonlyPaths, systemMounts } from './defaults.js';
import { toSeccomp } from './seccomp.js';
import type { OciMount, OciProcess, OciResources, OciSpec, OciUser } from './spec.js';

/** A mount of the container beside those that every container has. */
export type GuestMount =
  /** The index-th of the paths that the host shares with this container. */
  | {
      readonly kind: 'share';
      readonly destination: string;
      readonly index: number;
      readonly readOnly: boolean;
    }
  | TmpfsMount;

/** The specification; the guest fills in `root.path`, the control group and what it looks up for the user. */
export function toGuestSpec(
  config: ContainerConfig,
  mounts: readonly GuestMount[],
  podHostname: string,
): OciSpec {
  const own = mounts.map(toMount);
  const taken = new Set(own.map((mount) => mount.destination));
  const hostname = config.hostname ?? podHostname;
  const process = toGuestProcess(config.process, { ...config, hostname });
  return {
    ociVersion: '1.0.2',
    process: config.init ? withInit(process) : process,
    root: { path: 'rootfs', readonly: config.readOnlyRootfs },
    hostname,
    // What the configuration mounts replaces the default at the same place; parents come before what lies in them.
    mounts: [
      ...systemMounts.filter((mount) => !taken.has(mount.destination)),
      ...byDepth(own),
      ...(config.init ? [initMount] : []),
    ],
    linux: {
      // No network namespace: the container uses the VM's network.
      namespaces: [
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        { type: 'cgroup' },
      ],
      resources: toResources(config.resources),
      seccomp: toSeccomp(config.capabilities),
      maskedPaths,
      readonlyPaths,
      rootfsPropagation: 'rprivate',
    },
  };
}

/** The guest's own file: nothing of it comes from the host, and nothing is written to the root. */
const initMount: OciMount = {
  destination: initPath,
  type: 'bind',
  source: 'virtc-guest:init',
  options: ['bind', 'rprivate', 'nosuid', 'nodev', 'ro'],
};

function withInit(process: OciProcess): OciProcess {
  return { ...process, args: [initPath, '--', ...process.args] };
}

/** A process of a container: its init, or one added by exec, with the container's capabilities and limits. */
export function toGuestProcess(
  process: ProcessConfig,
  container: Pick<ContainerConfig, 'capabilities' | 'rlimits'> & { readonly hostname: string },
): OciProcess {
  const { capabilities, rlimits, hostname } = container;
  const { terminal } = process;
  // HOME is not here: only the guest can look it up, and crun does where it is missing.
  const env: Record<string, string> = {
    PATH: defaultPath,
    HOSTNAME: hostname,
    ...(terminal === null ? {} : { TERM: 'xterm' }),
    ...process.env,
  };
  return {
    terminal: terminal !== null,
    ...(terminal === null
      ? {}
      : { consoleSize: { height: terminal.rows, width: terminal.columns } }),
    user: toUser(process.user),
    args: process.command,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: process.cwd,
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      // Not inheritable and not ambient: a program that root starts as another user must not keep them.
      inheritable: [],
      ambient: [],
    },
    rlimits: rlimits.map(toRlimit),
    // As docker: sudo works. What a process can win by it stays within the VM.
    noNewPrivileges: false,
  };
}

/** Numbers as far as they are given; the text too, so that the guest finds home, group and groups in the container's own files. */
function toUser(user: string): OciUser {
  const [name = '', group = ''] = user.split(':');
  return { uid: toId(name) ?? 0, gid: toId(group) ?? 0, username: user };
}

// The kernel's RLIM_INFINITY is 2^64 - 1, which no JSON number of ours can say. crun reads numbers by strtoull(3), which
// takes -1 for it.
const unlimited = -1;

function toRlimit({ type, soft, hard }: ResourceLimit): OciProcess['rlimits'][number] {
  const toNumber = (limit: number | 'unlimited'): number =>
    limit === 'unlimited' ? unlimited : limit;
  return { type, soft: toNumber(soft), hard: toNumber(hard) };
}

// The largest id but one: (uid_t) -1 means "leave as it is" to the kernel.
const maxId = 2 ** 32 - 2;

function toId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= maxId ? Number(text) : undefined;
}

const cpuPeriodUs = 100_000;

function toResources(resources: Resources): OciResources {
  const { memoryBytes, cpus, pids } = resources;
  return {
    devices: deviceRules,
    // The same number twice means no swap: the specification counts memory and swap together.
    ...(memoryBytes === null ? {} : { memory: { limit: memoryBytes, swap: memoryBytes } }),
    // The kernel refuses quotas under a millisecond.
    ...(cpus === null
      ? {}
      : { cpu: { quota: Math.max(1000, Math.round(cpus * cpuPeriodUs)), period: cpuPeriodUs } }),
    pids: { limit: pids },
  };
}

function toMount(mount: GuestMount): OciMount {
  const { destination } = mount;
  if (mount.kind === 'share') {
    const mode = mount.readOnly ? 'ro' : 'rw';
    const options = ['rbind', 'rprivate', 'nodev', mode];
    return { destination, type: 'bind', source: `virtc-share:${mount.index}`, options };
  }
  const size = mount.sizeBytes === null ? [] : [`size=${mount.sizeBytes}`];
  return {
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: mergeTmpfsOptions(['nosuid', 'nodev', 'mode=1777', ...size, ...mount.options]),
  };
}

function byDepth(mounts: readonly OciMount[]): readonly OciMount[] {
  const depth = (mount: OciMount): number => mount.destination.split('/').length;
  return [...mounts].sort((a, b) => depth(a) - depth(b));
}
