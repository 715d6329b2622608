// What happens to pods and containers, told in the order in which it happened.
import type { ExitStatus } from './exit-status.js';

interface OfPod<K extends string> {
  readonly kind: K;
  /** When it was told, ISO 8601. */
  readonly time: string;
  readonly podId: string;
}

interface OfContainer<K extends string> extends OfPod<K> {
  readonly containerId: string;
}

interface OfExec<K extends string> extends OfContainer<K> {
  /** The `id` of the process. */
  readonly processId: string;
}

interface Ended {
  /** Null where nobody can tell: it never ran, or its VM ended under it. */
  readonly exit: ExitStatus | null;
}

/** The VM has booted: a new pod is `ready`, or a stopped one is it again. */
export type PodReadyEvent = OfPod<'pod-ready'>;

/** It is `stopped`; all its containers are. */
export interface PodStoppedEvent extends OfPod<'pod-stopped'> {
  /** `vm-gone` means that nobody had asked for it. */
  readonly why: 'requested' | 'vm-gone';
  /** How the VM ended where it is gone; else null. */
  readonly message: string | null;
}

/** A container is `stopped`; every process of it has ended and was told before. */
export interface ContainerExitedEvent extends OfContainer<'container-exited'>, Ended {}

/** A container is no more; with how it had ended. */
export interface ContainerDeletedEvent extends OfContainer<'container-deleted'>, Ended {}

export interface ExecExitedEvent extends OfExec<'exec-exited'>, Ended {}

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
  | OfPod<'pod-started'>
  | OfPod<'pod-paused'>
  | OfPod<'pod-resumed'>
  | PodStoppedEvent
  | OfPod<'pod-deleted'>
  | OfContainer<'container-created'>
  | OfContainer<'container-started'>
  | OfContainer<'container-paused'>
  | OfContainer<'container-resumed'>
  | OfContainer<'container-oom'>
  | ContainerExitedEvent
  | ContainerDeletedEvent
  | OfExec<'exec-started'>
  | ExecExitedEvent
  | MissedEvent;
