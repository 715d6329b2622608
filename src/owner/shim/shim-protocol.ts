// What a shim and the process that has started it say to each other until the pod is ready: JSON, a message a line.
import {
  type Check,
  count,
  flag,
  isObject,
  number,
  object,
  oneOf,
  orNull,
  text,
  texts,
} from '../../base/check-json.js';
import { reasonOf, VirtcontainersError } from '../../base/errors.js';
import type { PlainError } from '../../base/plain-error.js';
import type { Defaults } from '../../model/defaults.js';
import type { PodConfig } from '../../model/pod-config.js';
import type { ProgressEvent } from '../../model/progress.js';
import type { RuntimeConfig } from '../../model/runtime-config.js';
import type { Warning } from '../../model/warning.js';

/** The first line that a shim reads: the pod to make, and all of the configuration that it needs. */
export interface ShimRequest {
  /** Of the program that starts it: both are of one installation. */
  readonly version: string;
  readonly config: RuntimeConfig;
  readonly pod: PodConfig;
  /** Whether its VM starts as a clone. */
  readonly template: boolean;
  /** What its own log holds, from this level on. */
  readonly logLevel: 'debug' | 'info';
}

/** The second line: the pod was wanted to the end. The input's end without it undoes the pod. */
export const accepted = 'accepted';

/** What a shim writes. `ready` and `error` come once. */
export type ShimMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'warning'; readonly warning: Warning }
  | { readonly kind: 'ready' }
  | { readonly kind: 'error'; readonly error: PlainError };

/** Longest line, in bytes: a request with all its labels, an error with the console's last lines. */
export const maxShimLineBytes = 4 * 1024 * 1024;

const request: Check<ShimRequest> = object<ShimRequest>({
  version: text,
  config: object<RuntimeConfig>({
    runRoot: text,
    libRoot: text,
    guestImage: orNull(text),
    accelerator: oneOf('auto', 'kvm', 'tcg'),
    defaults: object<Defaults>({
      cpus: count,
      memoryMiB: number,
      template: flag,
      pidsLimit: count,
      stopGraceMs: number,
      writes: oneOf('host', 'discard'),
    }),
  }),
  pod: object<PodConfig>({
    id: text,
    hostname: text,
    cpus: count,
    memoryMiB: number,
    labels: texts,
  }),
  template: flag,
  logLevel: oneOf('debug', 'info'),
});

/**
 * Reads the request of whoever starts a shim.
 * @throws VirtcontainersError `invalid-argument`; `unsupported` if it is of another version
 */
export function parseShimRequest(line: string, version: string): ShimRequest {
  const what = 'cannot start a shim';
  let value: unknown;
  try {
    value = JSON.parse(line);
    if (isObject(value) && value['version'] !== version) {
      const asked = JSON.stringify(String(value['version']).slice(0, 100));
      throw new VirtcontainersError(
        'unsupported',
        `${what}: it is of version "${version}", the program that starts it of ${asked}`,
        { hint: 'start the program again: another version was installed while it ran' },
      );
    }
    request(value, 'request');
  } catch (error) {
    if (error instanceof VirtcontainersError) throw error;
    throw new VirtcontainersError('invalid-argument', `${what}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  return value as ShimRequest;
}

const kinds: readonly ShimMessage['kind'][] = ['started', 'progress', 'warning', 'ready', 'error'];

/** A line of a shim; null where it is none, as of something else that writes to its output. */
export function parseShimMessage(line: string): ShimMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isObject(value) || !kinds.some((kind) => kind === value['kind'])) return null;
  const parts = { progress: 'event', warning: 'warning', error: 'error' } as const;
  const part = parts[value['kind'] as keyof typeof parts];
  // The shim is this same program, so what is inside is what it says.
  return part === undefined || isObject(value[part]) ? (value as unknown as ShimMessage) : null;
}
