// What policy stands on: one implementation of each mechanism, and facts about this process.
import type { Logger } from '../base/log.js';
import type { AgentConnector } from '../host/agent/agent.js';
import type { BootImage, Hypervisor, VmPlan } from '../host/hypervisor/hypervisor.js';
import type { Logs } from '../host/logs/logs.js';
import type { Share } from '../host/share/share.js';
import type { Store } from '../host/store/store.js';
import type { Templates } from '../host/templates/templates.js';
import type { Defaults } from '../model/defaults.js';
import type { ProcessHandle } from '../model/handle.js';
import type { HostFacts } from '../model/host-facts.js';
import type { Process } from '../model/pod.js';
import type { ProgressEvent } from '../model/progress.js';
import type { Warning } from '../model/warning.js';

export interface Mechanisms {
  readonly hypervisor: Hypervisor;
  readonly share: Share;
  readonly store: Store;
  readonly agents: AgentConnector;
  readonly logs: Logs;
  readonly templates: Templates;
  /** How long a template's guest is left alone before it is saved, in milliseconds; for tests. */
  readonly templateRestMs?: number;
  /** The guest image that VMs boot, checked at each use. */
  readonly openImage: () => Promise<BootImage>;
  readonly accelerator: VmPlan['accelerator'];
  /** What pods and containers get where their options do not say. */
  readonly defaults: Defaults;
  readonly host: HostFacts;
  /** This process. */
  readonly owner: ProcessHandle;
  readonly log: Logger;
  /**
   * Takes over what the first process of a container prints, before it does, and at each start again. Without it, the program that
   * holds the container reads it, and nobody else can.
   */
  readonly keepOutput?: ((containerId: string, init: Process) => void) | undefined;
  readonly onProgress: ((event: ProgressEvent) => void) | undefined;
  /** Told by `warn`; without it the log is. */
  readonly onWarning: ((warning: Warning) => void) | undefined;
}
