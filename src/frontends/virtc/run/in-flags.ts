// Says what the library refuses in the words of the command line: by flag, not by option.
import { isVirtcontainersError, VirtcontainersError } from '../../../base/errors.js';
import type { RunFlags } from './run-request.js';

const flagOf: Readonly<Record<string, string>> = {
  cwd: '--workdir',
  env: '--env',
  user: '--user',
  hostname: '--hostname',
  memoryMiB: '--memory',
  cpus: '--cpus',
  pidsLimit: '--pids-limit',
  labels: '--label',
  rlimits: '--ulimit',
  mounts: '--volume and --tmpfs',
};

/** The error, told by the flag where the option comes from one. */
export function inFlags(error: unknown, flags: RunFlags): unknown {
  if (!isVirtcontainersError(error)) return error;
  const { option, rule } = error.details;
  if (typeof option !== 'string' || typeof rule !== 'string') return error;
  const [, name = '', index] = /^(\w+)(?:\[(\d+)\])?/.exec(option) ?? [];
  const flag = Object.hasOwn(flagOf, name) ? flagOf[name] : undefined;
  if (flag === undefined) return error;
  const volume = name === 'mounts' ? flags.volume?.[Number(index)] : undefined;
  const what = volume === undefined ? flag : `--volume ${JSON.stringify(volume)}`;
  const part = /\.(.*)$/s.exec(option)?.[1] ?? 'it';
  return new VirtcontainersError(error.code, `cannot use ${what}: ${part} ${rule}`, {
    cause: error,
    details: error.details,
  });
}
