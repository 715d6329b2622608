// What makes a VM, and a live VM.
import type { Duplex } from 'node:stream';
import type { Logger } from '../../base/log.js';
import type { JailDescription } from '../../base/namespaces/jail.js';
import type { VmHandle } from '../../model/handle.js';
import type { HostUsage } from '../../model/usage.js';

/** What executes the guest's instructions. `tcg` is emulation: slower, and not a security boundary of KVM's kind. */
export interface Accelerator {
  readonly kind: 'kvm' | 'tcg';
  /** Why this one: what was probed and what it said. */
  readonly reason: string;
}

/** A guest image's files, as the hypervisor needs them. */
export interface BootImage {
  /** Equal ids boot equal guests. */
  readonly id: string;
  /** Absolute path of the directory that holds all of them. */
  readonly directory: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly rootImage: string;
  readonly rootImageBytes: number;
  /** Absolute path of the library that lets QEMU open a template's memory for reading only. */
  readonly memoryPreload: string;
  readonly kernelParameters: readonly string[];
}

/** A booted VM as files. */
export interface VmTemplate {
  /** The guest's memory; a clone maps it privately and cannot write it. */
  readonly memory: string;
  /** The state of everything else. */
  readonly state: string;
}

/** How a VM comes to be. A `template` boots with its memory in that file, which is made for it, and can be saved. */
export type VmOrigin =
  | { readonly kind: 'boot' }
  | { readonly kind: 'template'; readonly memory: string }
  | { readonly kind: 'clone'; readonly template: VmTemplate };

/** An exported directory as the VM sees it: one device per tag. */
export interface ShareDevice {
  readonly tag: string;
  /** The host directory that holds the mount points. */
  readonly directory: string;
  readonly readOnly: boolean;
}

/** All that shapes a VM before a pod's own wishes. */
export interface VmPlan {
  readonly podId: string;
  /** Directory for the VM's sockets and logs, absolute; exists, 0700. */
  readonly runDirectory: string;
  readonly image: BootImage;
  readonly origin: VmOrigin;
  readonly shares: readonly ShareDevice[];
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  readonly bootMemoryMiB: number;
  readonly bootCpus: number;
  readonly maxMemoryMiB: number;
  readonly maxCpus: number;
}

export interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  readonly log: Logger;
  /** Called as soon as there is something to release, before the VM is usable: it belongs in the record. */
  readonly onHandle: (handle: VmHandle) => Promise<void>;
}

/** A VM as it would be started. */
export interface VmDescription {
  readonly accelerator: Accelerator;
  /** The hypervisor's program and its arguments, as they are in its jail. */
  readonly argv: readonly string[];
  readonly jail: JailDescription;
}

/** What a VM has in common with all that can be cloned from one template. */
export interface VmShape {
  /** 32 hexadecimal digits: a hash of what shapes it, the hypervisor's program and the guest image among it. */
  readonly id: string;
  readonly accelerator: Accelerator['kind'];
}

/** Why a VM is no more. */
export interface VmExit {
  readonly kind: 'stopped' | 'killed' | 'panicked' | 'failed';
  /** One sentence: `the guest's kernel panicked: …`, `QEMU ended by SIGKILL`. */
  readonly reason: string;
  /** The console's last lines, escaped. */
  readonly consoleTail: string;
  /** The last of what the hypervisor's process wrote to its standard error, escaped. */
  readonly stderrTail: string;
}

/** Makes VMs. */
export interface Hypervisor {
  readonly name: string;
  /** The accelerator that `accelerator: 'auto'` means on this host; probed once, then remembered. */
  accelerator(wanted: VmPlan['accelerator']): Promise<Accelerator>;
  /** Begins what the next `start` needs beforehand, so that it runs beside the caller's own preparations; never fails. */
  prepare(): void;
  /** What `start` would make of a plan. Nothing of it is made, and nothing written. */
  describe(plan: VmPlan): Promise<VmDescription>;
  /** The shape of a plan, whatever its origin; names, places and shares of the pod are not part of it. */
  shape(plan: VmPlan): Promise<VmShape>;
  /**
   * Starts a VM; resolves when it runs and can be commanded, which is before its agent answers.
   * On failure or abort nothing is left.
   * @throws VirtcontainersError `unavailable` with the hypervisor's stderr and the console in `details`
   */
  start(plan: VmPlan, options: StartOptions): Promise<Vm>;
  /** Ends what a handle names, also from another process; safe to repeat. */
  release(handle: VmHandle): Promise<void>;
  /** Finds what a pod's VM left on the host although no record names it. */
  findLeftovers(podId: string): Promise<readonly VmHandle[]>;
}

/** A live VM. Once it has ended every method but `stop` rejects with `unavailable`. */
export interface Vm {
  readonly handle: VmHandle;
  readonly accelerator: Accelerator;
  /** Version of the hypervisor's program. */
  readonly hypervisorVersion: string;
  /** The process in whose mount namespace the shares of this VM live; null where there is none (a fake). */
  readonly mountNamespacePid: number | null;
  /** When the guest began to run, on the monotonic clock in milliseconds. */
  readonly runsSinceMs: number;
  /** Settles once, as soon as the VM is gone; never rejects. */
  readonly exited: Promise<VmExit>;
  /** Opens a fresh connection to the agent's channel; the one before must be closed. */
  dialAgent(signal?: AbortSignal): Promise<Duplex>;
  /** Total processors and memory now. */
  readonly size: VmSize;
  /** Grows the VM to at least `size`; the guest must then bring it online. Shrinking is not done. */
  grow(size: VmSize): Promise<void>;
  /** Whether it keeps this process from ending by itself; it does from its start on. */
  keepAwake(isNeeded: boolean): void;
  /** Stops its processors; a paused VM can be ended. Both are safe to repeat. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /**
   * Stops its processors for good and writes the state of everything but its memory to a new file, 0600, which the VM's own
   * process cannot reach. Only for one whose origin is `template`.
   * @throws VirtcontainersError `unsupported` for another origin; `internal` where something in the guest cannot be saved
   */
  save(stateFile: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** What its process uses on the host. */
  usage(): Promise<HostUsage>;
  /**
   * Ends the VM in order, by force after `graceMs`; resolves when it is gone and its handle released, which is all
   * that is left to do where it has already ended. Safe to repeat.
   */
  stop(options: { readonly graceMs: number }): Promise<void>;
  /** The console's last lines, escaped. */
  consoleTail(): string;
}

export interface VmSize {
  readonly cpus: number;
  readonly memoryMiB: number;
}
