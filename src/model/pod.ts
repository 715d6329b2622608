// Pods, containers and processes as programs hold them: the same interfaces whoever owns the VM. Every call that asks a
// VM, waits or changes something takes an AbortSignal; the quick reads (`status`, `podStatus`, `listPods`) need none.
import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from './container-config.js';
import type { PodEvent } from './events.js';
import type { ExitStatus } from './exit-status.js';
import type { LogEntry, LogOptions } from './logs.js';
import type {
  AbortOptions,
  ContainerOptions,
  ContainerRunOptions,
  DeleteOptions,
  ExecOptions,
  LinesOptions,
  OutputOptions,
  PodOptions,
  RunOptions,
  StopOptions,
} from './options.js';
import type { PlannedPod } from './planned-pod.js';
import type { ProcessResult } from './process-result.js';
import type { Timings } from './progress.js';
import type { State } from './state.js';
import type { RuntimeTemplates } from './template.js';
import type { ContainerStats, PodStats, ProcessList } from './usage.js';

/** A process in a container. */
export interface Process {
  readonly id: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Its input; half-close with `end()`. Refuses writes where the process was made without `stdin: true`. */
  readonly stdin: Writable;
  /** Its output with backpressure: a process whose output nobody reads is stopped by a bounded buffer, as by a pipe. */
  readonly stdout: Readable;
  /** Empty where it has a terminal. */
  readonly stderr: Readable;
  /**
   * How it ended; may be asked repeatedly.
   * @throws VirtcontainersError `unavailable` if the VM dies first, with the console's last lines in `details`;
   *   `invalid-state` if it is removed before it has run; `timeout` or an AbortError where `timeoutMs` or `signal` of `exec`
   *   have ended it, with how it ended in `details.exit`
   */
  wait(options?: AbortOptions): Promise<ExitStatus>;
  /**
   * Collects what it prints from now on, up to a bound, until it has ended and nobody has its output open any more.
   * @throws VirtcontainersError as `wait` does, with what was printed until then in `details.result` (`UnfinishedResult`)
   */
  output(options?: OutputOptions): Promise<ProcessResult>;
  /**
   * What it prints from now on, line by line, without line ends. One reader at a time; who leaves the loop lets the process go
   * on: what it prints then is dropped, unless somebody reads it.
   */
  lines(options?: LinesOptions): AsyncIterableIterator<string>;
  /** Sends a signal: a name (`SIGTERM`, `TERM`) or number. Default SIGTERM. A process that has ended is no error. */
  kill(signalName?: NodeJS.Signals | string | number, options?: AbortOptions): Promise<void>;
  /** Changes the size of its terminal. @throws `invalid-state` if it has none */
  resize(size: TerminalSize, options?: AbortOptions): Promise<void>;
}

/**
 * A command that runs: await it for its result, or loop over the lines of its standard output as they come. Who leaves the
 * loop ends the command and all that came from it; the result then says by which signal.
 */
export interface CommandRun extends Promise<ProcessResult>, AsyncIterable<string> {}

/**
 * A container: the process it was created for, and those added by `exec`. What it has as a process is its init's, of one
 * run: after a stop and a new start `stdin`, `stdout` and `stderr` are new, and `wait` waits for the new one.
 */
export interface Container extends AsyncDisposable, Process {
  readonly pod: Pod;
  /**
   * Starts init, and a pod that is not running with it.
   * @throws VirtcontainersError `details.reason` is `command-not-found` or `command-not-executable` where that is why
   */
  start(options?: AbortOptions): Promise<void>;
  /**
   * Runs another process in the running container. Ended by `timeoutMs` or `signal`, it ends with all that came from it; by
   * itself, what it leaves behind goes on.
   */
  exec(command: readonly string[], options?: ExecOptions): Promise<Process>;
  /**
   * Stops all its processes where they are, until `resume`: they keep their memory and use no processor. Signals but SIGKILL
   * wait; `exec` is refused; `stop` and `delete` by force end it as it is.
   * @throws VirtcontainersError `invalid-state` unless it is running; `timeout` where its processes do not stand still, and
   *   then they go on
   */
  pause(options?: AbortOptions): Promise<void>;
  /** @throws VirtcontainersError `invalid-state` unless it is paused */
  resume(options?: AbortOptions): Promise<void>;
  /** What runs in it, whoever started it. @throws VirtcontainersError `invalid-state` unless it is running or paused */
  processes(options?: AbortOptions): Promise<ProcessList>;
  /** What it uses. @throws VirtcontainersError `invalid-state` unless it is running or paused */
  stats(options?: AbortOptions): Promise<ContainerStats>;
  /**
   * Runs a command to its end: `exec`, `input`, `output` in one call. What it leaves behind is ended if it keeps the output
   * open; what has let go of it goes on.
   * @throws VirtcontainersError `timeout`, an AbortError or `unavailable`, with what was printed until then in
   *   `details.result` (`UnfinishedResult`); another exit code than 0 is no error
   */
  run(command: readonly string[], options?: RunOptions): CommandRun;
  /** Stop signal, grace, SIGKILL to all. A container that is not running is no error. */
  stop(options?: StopOptions): Promise<void>;
  /** Removes it; a running one only with `force`. */
  delete(options?: DeleteOptions): Promise<void>;
  status(): Promise<ContainerStatus>;
  /** `delete({ force: true })`; safe to repeat. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A pod: one VM and its containers. */
export interface Pod extends AsyncDisposable {
  readonly id: string;
  /** How long each step has taken; of the last thousand. */
  readonly timings: Timings;
  readonly containers: readonly Container[];
  createContainer(options: ContainerOptions): Promise<Container>;
  /**
   * Runs a container to its end and removes it: `createContainer`, `start`, `input`, `output`, `delete` in one call.
   * @throws VirtcontainersError as `run` of a container does
   */
  run(options: ContainerRunOptions): CommandRun;
  /** @throws VirtcontainersError `not-found` */
  container(id: string): Container;
  /** Starts every container that is ready, in the order they were created; a stopped pod boots anew and starts them all. */
  start(options?: AbortOptions): Promise<void>;
  /**
   * Stops the VM's processors until `resume`, when what is under way has ended. Its containers keep their states; whatever
   * needs the guest is refused with `invalid-state`; output and waiting go on afterwards, and nothing is lost.
   * @throws VirtcontainersError `invalid-state` unless it is running
   */
  pause(options?: AbortOptions): Promise<void>;
  /** Lets a paused pod go on, with the time of day set right. @throws VirtcontainersError `invalid-state` unless it is paused */
  resume(options?: AbortOptions): Promise<void>;
  /** What it uses, in the guest and on the host. @throws VirtcontainersError `invalid-state` unless it is ready or running */
  stats(options?: AbortOptions): Promise<PodStats>;
  /**
   * What happens from now on, until the pod is deleted, the iteration is left or the signal fires. A reader that is more than
   * a thousand events behind gets a `missed` event in their place.
   */
  events(options?: AbortOptions): AsyncIterableIterator<PodEvent, undefined>;
  /** Stops the containers, then the VM. A stopped pod is no error. */
  stop(options?: StopOptions): Promise<void>;
  /** Removes the pod and all it holds; a running one only with `force`, which always ends with nothing left. */
  delete(options?: DeleteOptions): Promise<void>;
  status(): Promise<PodStatus>;
  /** `delete({ force: true })`; safe to repeat. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ContainerStatus {
  readonly id: string;
  readonly state: State;
  readonly command: readonly string[];
  /** Whether its first process has a terminal. */
  readonly terminal: boolean;
  /** Whether its first process' input can be written to. */
  readonly stdin: boolean;
  readonly rootfs: string;
  /** ISO 8601, as all times here. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly exit: ExitStatus | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface PodStatus {
  readonly id: string;
  readonly state: State;
  readonly createdAt: string;
  /** Whether the process that owns the pod lives; a pod without one can only be deleted. */
  readonly ownerAlive: boolean;
  readonly ownerPid: number;
  /** Whether a process of its own owns it, so that it outlives whoever has made it. */
  readonly detached: boolean;
  /** Null before its VM has started. */
  readonly accelerator: 'kvm' | 'tcg' | null;
  /** How its VM started last: by booting, or as a clone of a template. Null before its VM has started. */
  readonly origin: 'boot' | 'clone' | null;
  /** The VM's size now; of another process' pod, what its containers ask for. */
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly containers: readonly ContainerStatus[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What `listPods` says of a directory that may hold a damaged record. */
export type PodListEntry = PodStatus | { readonly id: string; readonly error: string };

/** What `gc` did. */
export interface GcReport {
  /** Pods whose owner was dead and that are gone now. */
  readonly removed: readonly string[];
  readonly failed: readonly { readonly id: string; readonly error: string }[];
}

/** The library's entry: makes and finds the pods of one run root. */
export interface Runtime {
  /** The booted VMs that pods are cloned from. */
  readonly templates: RuntimeTemplates;
  /**
   * Starts a VM, as a clone of a template or by booting it, and makes the calling process its owner: the VM ends with the process.
   * With `detached`, a process of its own is the owner.
   */
  createPod(options?: PodOptions): Promise<Pod>;
  /**
   * A pod by its id, whoever owns it: what another process owns is asked for through that process.
   * @throws VirtcontainersError `not-found`; `unavailable` if its owner has ended or does not answer
   */
  openPod(id: string, options?: AbortOptions): Promise<Pod>;
  /** Deletes the pods that wait to be handed out (`warm`); none is made any more. Pods that were handed out stay. Safe to repeat. */
  close(): Promise<void>;
  /**
   * What `createPod` and then `createContainer` with each of these options would make, the VM's command line and the
   * specifications among it. Nothing is made for it and nothing is written.
   * @throws VirtcontainersError what they would throw for these options on this host; whether sources exist is not looked at
   */
  planPod(options?: PodOptions, containers?: readonly ContainerOptions[]): Promise<PlannedPod>;
  /** Every pod of the run root, whoever owns it. */
  listPods(): Promise<readonly PodListEntry[]>;
  /** @throws VirtcontainersError `not-found` */
  podStatus(id: string): Promise<PodStatus>;
  /**
   * Deletes a pod by its id: one of this process, through its owner one of another, one whose owner is dead, or (with `force`)
   * one whose record is damaged. With `force`, a process of its own that owns the pod and does not answer is ended.
   */
  deletePod(id: string, options?: DeleteOptions): Promise<void>;
  /** As `Pod.events`, of every pod that this runtime makes; ends only where the iteration is left or the signal fires. */
  events(options?: AbortOptions): AsyncIterableIterator<PodEvent, undefined>;
  /**
   * What was logged of a pod, oldest first, whoever owns it and also after its owner's death: the output of a detached pod's containers,
   * the console of any pod. One who leaves the loop has stopped reading.
   * @throws VirtcontainersError `not-found` where there is no such pod or log; AbortError
   */
  logs(podId: string, options?: LogOptions): AsyncIterableIterator<LogEntry, undefined>;
  /** Removes what dead owners left; where it is aborted, `details` hold the report so far. */
  gc(options?: AbortOptions): Promise<GcReport>;
}
