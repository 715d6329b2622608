// What pods and containers get where neither their options nor a configuration file say.
import { defaultPidsLimit, defaultVmCpus, defaultVmMemoryMiB, stopGraceMs } from './limits.js';

/** The defaults that a configuration file can change. */
export interface Defaults {
  /** Least number of a VM's processors. */
  readonly cpus: number;
  /** Least memory of a VM, in MiB. */
  readonly memoryMiB: number;
  /** Whether VMs start as clones of a template. */
  readonly template: boolean;
  /** Most processes and threads of a container. */
  readonly pidsLimit: number;
  /** Between the stop signal and SIGKILL, in milliseconds. */
  readonly stopGraceMs: number;
  /** Where writes to a root directory go. */
  readonly writes: 'host' | 'discard';
}

/** What holds where nothing else is said. */
export const defaults: Defaults = {
  cpus: defaultVmCpus,
  memoryMiB: defaultVmMemoryMiB,
  template: true,
  pidsLimit: defaultPidsLimit,
  stopGraceMs,
  writes: 'discard',
};

/** What executes VMs: `auto` is KVM where it is proved to work. */
export const accelerators = ['auto', 'kvm', 'tcg'] as const;
export const defaultAccelerator = 'auto';

/** Clones that wait to be handed out where nothing else is said: none, they cost memory. */
export const defaultWarmPods = 0;

/** Where writes to a root directory can go. */
export const writePlaces = ['host', 'discard'] as const;

/** Levels of the command line's log, the most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'off'] as const;
/** How the command line shows what is slow right now. */
export const progressModes = ['auto', 'plain', 'none'] as const;
/** When the command line uses colour. */
export const colorModes = ['auto', 'always', 'never'] as const;
/** How the command line shows things where nothing else is said. */
export const shownByDefault = { log: 'off', progress: 'auto', color: 'auto' } as const;
