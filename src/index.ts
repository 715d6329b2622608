// virtcontainers: containers in light virtual machines. This is all that programs import; nothing happens at import.
/// <reference types="node" preserve="true" />
import { createRuntime } from './create-runtime.js';
import type { AbortOptions, ContainerOptions, DeleteOptions, PodOptions } from './model/options.js';
import type { PlannedPod } from './model/planned-pod.js';
import type { GcReport, Pod, PodListEntry, PodStatus, Runtime } from './model/pod.js';

export {
  type ErrorCode,
  errorCodes,
  isVirtcontainersError,
  VirtcontainersError,
  type VirtcontainersErrorOptions,
} from './base/errors.js';
export type { Logger, LogMethod } from './base/log.js';
export type { JailDescription } from './base/namespaces/describe-jail.js';
export { version } from './base/version.js';
export { createRuntime } from './create-runtime.js';
export type { TerminalSize } from './model/container-config.js';
export type { ExitStatus } from './model/exit-status.js';
export type * from './model/options.js';
export type * from './model/planned-pod.js';
export type * from './model/pod.js';
export type { ProgressEvent, Timings } from './model/progress.js';
export type { State } from './model/state.js';

let shared: Runtime | undefined;

// Made at first use, with what the environment says then.
function defaultRuntime(): Runtime {
  shared ??= createRuntime();
  return shared;
}

/** `createPod` of the default runtime. */
export function createPod(options?: PodOptions): Promise<Pod> {
  return defaultRuntime().createPod(options);
}

/** `planPod` of the default runtime. */
export function planPod(
  options?: PodOptions,
  containers?: readonly ContainerOptions[],
): Promise<PlannedPod> {
  return defaultRuntime().planPod(options, containers);
}

/** `listPods` of the default runtime. */
export function listPods(): Promise<readonly PodListEntry[]> {
  return defaultRuntime().listPods();
}

/** `podStatus` of the default runtime. */
export function podStatus(id: string): Promise<PodStatus> {
  return defaultRuntime().podStatus(id);
}

/** `deletePod` of the default runtime. */
export function deletePod(id: string, options?: DeleteOptions): Promise<void> {
  return defaultRuntime().deletePod(id, options);
}

/** `gc` of the default runtime. */
export function gc(options?: AbortOptions): Promise<GcReport> {
  return defaultRuntime().gc(options);
}
