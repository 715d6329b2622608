// What happens to pods and containers, told in the order in which it happened.
import type { ExitStatus } from './exit-status.js';

/** What every event of a pod has. */
export interface EventOfPod<K extends string> {
  readonly kind: K;
  /** When it was told, ISO 8601. */
  readonly time: string;
  readonly podId: string;
}

/** What every event of a container has. */
export interface EventOfContainer<K extends string> extends EventOfPod<K> {
  readonly containerId: string;
}

/** What every event of a process of `exec` has. */
export interface EventOfExec<K extends string> extends EventOfContainer<K> {
  /** The `id` of the process. */
  readonly processId: string;
}

/** How something has ended. */
export interface EndedEvent {
  /** Null where nobody can tell: it never ran, or its VM ended under it. */
  readonly exit: ExitStatus | null;
}

/** The VM has booted: a new pod is `ready`, or a stopped one is it again. */
export type PodReadyEvent = EventOfPod<'pod-ready'>;

/** It is `stopped`; all its containers are. */
export interface PodStoppedEvent extends EventOfPod<'pod-stopped'> {
  /** `vm-gone` means that nobody had asked for it. */
  readonly why: 'requested' | 'vm-gone';
  /** How the VM ended where it is gone; else null. */
  readonly message: string | null;
}

/** A container is `stopped`; every process of it has ended and was told before. */
export interface ContainerExitedEvent extends EventOfContainer<'container-exited'>, EndedEvent {}

/** A container is no more; with how it had ended. */
export interface ContainerDeletedEvent extends EventOfContainer<'container-deleted'>, EndedEvent {}

export interface ExecExitedEvent extends EventOfExec<'exec-exited'>, EndedEvent {}

/** What a reader that was too slow has not been told: so many events, in this place. */
export interface MissedEvent {
  readonly kind: 'missed';
  readonly time: string;
  readonly count: number;
}

/**
 * Something that has happened: when it is told, the state is what it says. `container-oom` is told where init or a process
 * of `exec` has ended by the memory limit; what the limit has killed beside those, `stats` counts.
 */
export type PodEvent =
  | PodReadyEvent
  | EventOfPod<'pod-started'>
  | EventOfPod<'pod-paused'>
  | EventOfPod<'pod-resumed'>
  | PodStoppedEvent
  | EventOfPod<'pod-deleted'>
  | EventOfContainer<'container-created'>
  | EventOfContainer<'container-started'>
  | EventOfContainer<'container-paused'>
  | EventOfContainer<'container-resumed'>
  | EventOfContainer<'container-oom'>
  | ContainerExitedEvent
  | ContainerDeletedEvent
  | EventOfExec<'exec-started'>
  | ExecExitedEvent
  | MissedEvent;
