// The versions of everything that a pod is made of.
import { reasonOf } from '../base/errors.js';
import { version } from '../base/version.js';
import { loadRuntimeConfig } from '../config.js';
import { agentProtocolVersion } from '../host/agent/agent.js';
import { qemuProgram, qemuVersion } from '../host/hypervisor/qemu/qemu-version.js';
import { openGuestImage } from '../host/images/guest-image.js';
import type { RuntimeOptions } from '../model/options.js';

export interface Versions {
  readonly virtc: string;
  readonly node: string;
  readonly protocol: { readonly name: string; readonly version: number };
  /** Null where its program is missing or says nothing. */
  readonly qemu: string | null;
  /** Null where there is none that can be used. */
  readonly guestImage: {
    readonly id: string;
    readonly directory: string;
    readonly versions: Readonly<Record<string, string>>;
  } | null;
  /** Why there is no guest image. */
  readonly guestImageError: string | null;
}

/** Looks them up; what is missing is null. @throws VirtcontainersError `invalid-argument` for a bad environment variable or configuration file */
export async function allVersions(
  environment: Readonly<Record<string, string | undefined>>,
  options: Pick<RuntimeOptions, 'configFile'> = {},
): Promise<Versions> {
  const { libRoot, guestImage } = await loadRuntimeConfig(
    options,
    environment,
    process.getuid?.() === 0,
  );
  const [qemu, image] = await Promise.all([
    qemuVersion(qemuProgram),
    openGuestImage({ libRoot, path: guestImage ?? undefined }).then(
      ({ id, directory, versions }) => ({ id, directory, versions }),
      (error: unknown) => reasonOf(error),
    ),
  ]);
  return {
    virtc: version,
    node: process.versions.node,
    protocol: { name: 'virtcontainers.agent.v1', version: agentProtocolVersion },
    qemu,
    guestImage: typeof image === 'string' ? null : image,
    guestImageError: typeof image === 'string' ? image : null,
  };
}
