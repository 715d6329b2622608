// What would be made for a pod and its containers, for people and programs that want to see it beforehand.
import type { JailDescription } from '../base/namespaces/describe-jail.js';

/** A size of a VM. */
export interface PlannedSize {
  readonly cpus: number;
  readonly memoryMiB: number;
}

/** A host path that a container sees. */
export interface PlannedBind {
  readonly source: string;
  /** In the container; `/` is its root. */
  readonly destination: string;
  /** On the host: nothing in the VM can write to it. */
  readonly readOnly: boolean;
  /** The guest may keep what it has read: the source is taken not to change while the VM lives. */
  readonly cached: boolean;
}

export interface PlannedContainer {
  readonly id: string;
  readonly root: PlannedBind;
  /** Writes to the root go to the VM's memory. */
  readonly discardWrites: boolean;
  /** The volumes, in the order that `virtc-share:<index>` in the specification counts them. */
  readonly binds: readonly PlannedBind[];
  /** The OCI runtime specification as the guest gets it: it adds the root's path, the control group, and what it looks up for the user. */
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A pod as `createPod` and `createContainer` would make it. */
export interface PlannedPod {
  readonly id: string;
  readonly hostname: string;
  /** Absolute path of the directory that would hold its state. */
  readonly runDirectory: string;
  /** Absolute path of the guest image's directory. */
  readonly guestImage: string;
  readonly accelerator: { readonly kind: 'kvm' | 'tcg'; readonly reason: string };
  readonly vm: {
    /** What it boots with. */
    readonly boot: PlannedSize;
    /** What it has once all containers are created: the difference is added while it runs. */
    readonly size: PlannedSize;
    /** What could be added up to. */
    readonly max: PlannedSize;
    /** QEMU and its arguments, as they are in the jail. */
    readonly argv: readonly string[];
    readonly jail: JailDescription;
  };
  /** The directories that the VM sees by 9p, by their tags; the containers' binds are mounted below them. */
  readonly shares: readonly {
    readonly tag: string;
    readonly directory: string;
    readonly readOnly: boolean;
  }[];
  readonly containers: readonly PlannedContainer[];
}
