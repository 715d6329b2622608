// The persisted state of pods.
import type { ContainerConfig } from '../../model/container-config.js';
import type { ExitStatus } from '../../model/exit-status.js';
import type { Handle, ProcessHandle } from '../../model/handle.js';
import type { PodConfig } from '../../model/pod-config.js';
import type { State } from '../../model/state.js';

/** A container as its pod's record keeps it. */
export interface ContainerRecord {
  readonly config: ContainerConfig;
  readonly state: State;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly exit: ExitStatus | null;
}

/** All that is known of a pod; one file, written whole. */
export interface PodRecord {
  /** Format of this record. */
  readonly version: 1;
  /** Version of the program that wrote it. */
  readonly writtenBy: string;
  readonly config: PodConfig;
  readonly state: State;
  readonly createdAt: string;
  readonly owner: ProcessHandle;
  /** Whether the owner does nothing else, so that the pod outlives whoever has made it. */
  readonly detached: boolean;
  /** What must be released, in the order it was taken. */
  readonly handles: readonly Handle[];
  readonly containers: readonly ContainerRecord[];
  readonly accelerator: 'kvm' | 'tcg' | null;
  /** How the VM started last. */
  readonly origin: 'boot' | 'clone' | null;
  /** Nobody has asked for it yet: it is kept to be handed out. */
  readonly waiting: boolean;
}

/** Keeps records below one root directory. */
export interface Store {
  /** Absolute path of a pod's directory, whether or not it is there. */
  directoryOf(podId: string): string;
  /**
   * Makes a pod's directory and takes its lock for as long as this process lives or until `close`.
   * @throws VirtcontainersError `already-exists`; `details.podId` is the pod that has it
   */
  create(podId: string): Promise<OwnedRecord>;
  /** Takes over the pod of a dead owner. @throws `not-found`; `invalid-state` if its owner lives */
  takeOver(podId: string): Promise<OwnedRecord>;
  /**
   * @throws VirtcontainersError `not-found`; `internal` naming the file and why if it cannot be understood, with
   * `details.reason` `no-record` if its owner died before it had saved one
   */
  load(podId: string): Promise<PodRecord>;
  /** Ids of all pods that have a directory, corrupt ones included. */
  list(): Promise<readonly string[]>;
  /** Whether the pod's owner lives: its lock is held. */
  hasLiveOwner(podId: string): Promise<boolean>;
}

/** A pod's place in the store, held by its owner. */
export interface OwnedRecord {
  readonly podId: string;
  /** Absolute path, 0700. */
  readonly directory: string;
  /** Replaces the record; saves are carried out in the order they were asked for. */
  save(record: PodRecord): Promise<void>;
  /** The last record; throws as `Store.load` does. */
  load(): Promise<PodRecord>;
  /** Reserves a container's name for this pod, unique per root. @throws `already-exists`, the other pod in `details.podId` */
  reserveContainer(containerId: string): Promise<void>;
  releaseContainer(containerId: string): Promise<void>;
  /** After the saves under way: removes the directory and every name of this pod, never following links, and drops the lock. Safe to repeat. */
  remove(): Promise<void>;
  /** Drops the lock and keeps the directory. */
  close(): Promise<void>;
}
