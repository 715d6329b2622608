// What a container needs of its pod.
import type { Logger } from '../base/log.js';
import type { Resources } from '../model/container-config.js';
import type { Defaults } from '../model/defaults.js';
import type { Pod, Process } from '../model/pod.js';
import type { EventBody } from './events/event-hub.js';
import type { LiveVm } from './live-vm.js';
import type { Steps } from './steps.js';

export interface PodSide {
  readonly pod: Pod;
  readonly hostname: string;
  readonly steps: Steps;
  readonly log: Logger;
  readonly defaults: Defaults;
  /** The VM. @throws VirtcontainersError saying why it does not run */
  vm(what: string): LiveVm;
  /** The VM; a stopped pod boots first. */
  booted(what: string, signal: AbortSignal | undefined): Promise<LiveVm>;
  /** Makes the VM hold these limits beside those of the other containers in it. */
  makeRoom(
    live: LiveVm,
    options: {
      readonly what: string;
      readonly containerId: string;
      readonly resources: Resources;
      readonly signal: AbortSignal;
    },
  ): Promise<void>;
  /** A container has a new first process, which has not begun. */
  keepOutput(containerId: string, init: Process): void;
  /** A container is running: so is its pod. */
  started(): void;
  /** Tells whoever listens. */
  readonly tell: (event: EventBody) => void;
  /** Writes the record with all containers as they are. */
  save(): Promise<void>;
  /** The container is no more: its name is free, it leaves the pod's list; the next save tells. */
  forget(containerId: string): Promise<void>;
}
