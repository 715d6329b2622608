// virtcontainers: containers in light virtual machines. This is all that programs import; nothing happens at import.
/// <reference types="node" preserve="true" />
import { createTrace as createTraceFrom, type Trace } from './base/trace/trace.js';
import { createRuntime } from './create-runtime.js';
import type { PodEvent } from './model/events.js';
import type { LogEntry, LogOptions } from './model/logs.js';
import type { AbortOptions, ContainerOptions, DeleteOptions, PodOptions } from './model/options.js';
import type { PlannedPod } from './model/planned-pod.js';
import type { GcReport, Pod, PodListEntry, PodStatus, Runtime } from './model/pod.js';
import type { RuntimeTemplates } from './model/template.js';

export {
  type ErrorCode,
  errorCodes,
  isVirtcontainersError,
  VirtcontainersError,
  type VirtcontainersErrorOptions,
} from './base/errors.js';
export type { Logger, LogMethod } from './base/log.js';
export type { JailDescription } from './base/namespaces/describe-jail.js';
export type { TraceArgs, TraceLane } from './base/trace/span.js';
export type { Trace } from './base/trace/trace.js';
export type { TraceEvent, TraceFile, TraceSpan } from './base/trace/trace-file.js';
export { version } from './base/version.js';
export { createRuntime } from './create-runtime.js';
export type { TerminalSize } from './model/container-config.js';
export type * from './model/events.js';
export type { ExitStatus } from './model/exit-status.js';
export type * from './model/logs.js';
export type * from './model/options.js';
export type * from './model/planned-pod.js';
export type * from './model/pod.js';
export type * from './model/process-result.js';
export type { ProgressEvent, Timings } from './model/progress.js';
export type { State } from './model/state.js';
export type * from './model/template.js';
export type * from './model/usage.js';
export type * from './model/warning.js';

let shared: Runtime | undefined;

// Made at first use, with what the environment says then.
function defaultRuntime(): Runtime {
  shared ??= createRuntime();
  return shared;
}

/**
 * Makes an empty trace: what runs inside its `run` is recorded, on the host and in the guests. Recording takes some
 * milliseconds of its own, for the guests are asked for their part.
 */
export function createTrace(): Trace {
  return createTraceFrom();
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

/** `openPod` of the default runtime. */
export function openPod(id: string, options?: AbortOptions): Promise<Pod> {
  return defaultRuntime().openPod(id, options);
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

/** `events` of the default runtime. */
export function events(options?: AbortOptions): AsyncIterableIterator<PodEvent, undefined> {
  return defaultRuntime().events(options);
}

/** `logs` of the default runtime. */
export function logs(
  podId: string,
  options?: LogOptions,
): AsyncIterableIterator<LogEntry, undefined> {
  return defaultRuntime().logs(podId, options);
}

/** `gc` of the default runtime. */
export function gc(options?: AbortOptions): Promise<GcReport> {
  return defaultRuntime().gc(options);
}

/** `templates` of the default runtime. */
export const templates: RuntimeTemplates = {
  list: (options) => defaultRuntime().templates.list(options),
  build: (options) => defaultRuntime().templates.build(options),
  remove: (id, options) => defaultRuntime().templates.remove(id, options),
  prune: (options) => defaultRuntime().templates.prune(options),
};
