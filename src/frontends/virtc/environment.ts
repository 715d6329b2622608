// What the environment says about where and how VMs run.
import { VirtcontainersError } from '../../base/errors.js';
import type { RuntimeOptions } from '../../model/options.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Levels of `VIRTC_LOG`, the most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

const accelerators = ['auto', 'kvm', 'tcg'] as const;

/** The runtime's options that variables set; an empty variable is as good as none. */
export function runtimeOptionsFrom(environment: Environment): RuntimeOptions {
  const runRoot = environment['VIRTC_ROOT'];
  const libRoot = environment['VIRTC_LIB_ROOT'];
  const accelerator = oneOf(environment, 'VIRTC_HYPERVISOR', accelerators);
  return {
    ...(runRoot ? { runRoot } : {}),
    ...(libRoot ? { libRoot } : {}),
    ...(accelerator === undefined ? {} : { accelerator }),
  };
}

/** The level of the log on standard error; null means no log. */
export function logLevelFrom(environment: Environment): LogLevel | null {
  return oneOf(environment, 'VIRTC_LOG', logLevels) ?? null;
}

function oneOf<T extends string>(
  environment: Environment,
  name: string,
  allowed: readonly T[],
): T | undefined {
  const value = environment[name];
  if (!value) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot use ${name}=${JSON.stringify(value)}: it must be ${allowed.join(', ')}`,
  );
}
