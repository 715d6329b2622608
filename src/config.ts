// Where a runtime keeps things and how it runs VMs: options, then the environment, then defaults.
import path from 'node:path';
import type { RuntimeOptions } from './model/options.js';
import { checkRuntimeOptions } from './model/parse/runtime-options.js';

/** Complete, absolute. */
export interface RuntimeConfig {
  readonly runRoot: string;
  readonly libRoot: string;
  /** Null means the current image below `libRoot`. */
  readonly guestImage: string | null;
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settles a runtime's configuration; an environment variable that is empty counts as absent.
 * @throws VirtcontainersError `invalid-argument` naming the option
 */
export function toRuntimeConfig(
  options: RuntimeOptions,
  environment: Environment,
  isRoot: boolean,
): RuntimeConfig {
  checkRuntimeOptions(options);
  const variable = (name: string): string | undefined => environment[name] || undefined;
  const home = variable('HOME') ?? '/';
  const runBase = variable('XDG_RUNTIME_DIR') ?? `/run/user/${process.getuid?.() ?? 0}`;
  const dataBase = variable('XDG_DATA_HOME') ?? path.join(home, '.local/share');
  const chosen = {
    runRoot:
      options.runRoot ??
      variable('VIRTC_RUN_ROOT') ??
      (isRoot ? '/run/virtcontainers' : path.join(runBase, 'virtcontainers')),
    libRoot:
      options.libRoot ??
      variable('VIRTC_LIB_ROOT') ??
      (isRoot ? '/var/lib/virtcontainers' : path.join(dataBase, 'virtcontainers')),
    guestImage: options.guestImage ?? variable('VIRTC_GUEST_IMAGE'),
    accelerator: options.accelerator ?? variable('VIRTC_ACCELERATOR') ?? 'auto',
  };
  // What the environment says is checked as options are.
  checkRuntimeOptions(chosen);
  return {
    runRoot: path.resolve(chosen.runRoot),
    libRoot: path.resolve(chosen.libRoot),
    guestImage: chosen.guestImage === undefined ? null : path.resolve(chosen.guestImage),
    accelerator: chosen.accelerator as RuntimeConfig['accelerator'],
  };
}
