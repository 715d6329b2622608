// Checks of what stands between a guest and this host, in the words of SECURITY.md.
import type { IsolationSupport } from '../base/namespaces/jail.js';
import { controllers, type Hierarchy } from '../host/cgroup/hierarchies.js';
import type { Accelerator } from '../host/hypervisor/hypervisor.js';
import { type Finding, ok, warn } from './check.js';

/** What executes guests, why, and what that isolates. */
export function checkAccelerator({ kind, reason }: Accelerator): Finding {
  if (kind === 'kvm') {
    return ok(`KVM: ${reason}; guests are isolated by the processor's own separation`);
  }
  return warn(
    `emulation (TCG): ${reason}; guests are isolated by QEMU's translator, whose errors QEMU does not handle as security problems, and run some ten times slower`,
    {
      hint: "treat the jail, not the VM, as the wall, and keep pods of different trust on different hosts (SECURITY.md, 'Emulation is not KVM')",
    },
  );
}

/** @param support what a jail with shares from the library's directories can have */
export function checkNamespaces(support: IsolationSupport): Finding {
  if (support.userNamespace && support.idmappedBinds) {
    return ok('user namespaces and idmapped binds: QEMU has no rights outside of its jail');
  }
  return warn(
    `${support.reason}: QEMU runs as uid 0 with four capabilities in its jail, and its files are root's`,
    {
      hint: support.userNamespace
        ? 'move the root to a file system whose ids can be mapped, for example ext4, xfs or btrfs'
        : 'allow user namespaces: sysctl user.max_user_namespaces',
    },
  );
}

const isNeeded = (name: string): boolean => (controllers as readonly string[]).includes(name);

/** What a trial with a pod's cgroup showed. */
export interface CgroupTrial {
  readonly hierarchies: readonly Hierarchy[];
  /** Whether a cgroup could be made. */
  readonly made: boolean;
  /** Which bounds it then had. */
  readonly bounded: readonly string[];
}

export function checkCgroups({ hierarchies, made, bounded }: CgroupTrial): Finding {
  const kinds = hierarchies
    .filter(({ version, controllers }) => version === 2 || controllers.some(isNeeded))
    .map(({ version, controllers }) =>
      version === 2 ? 'version 2' : `version 1 (${controllers.join(', ')})`,
    );
  const found = kinds.length === 0 ? 'no cgroups are mounted' : `cgroups of ${kinds.join(', ')}`;
  const missing = controllers.filter((name) => !bounded.includes(name));
  if (missing.length === 0) return ok(`${found}: a pod's memory and processes are bounded`);
  const effect = made ? `a pod's ${missing.join(' and ')} cannot be bounded` : 'pods get none';
  return warn(`${found}: ${effect}, so a guest that takes over QEMU can exhaust the host`, {
    hint: 'run it where a cgroup with the controllers memory and pids is delegated to it',
  });
}
