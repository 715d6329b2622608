// The complete configuration of a runtime.
import type { Defaults } from './defaults.js';

/** Where a runtime keeps things and how it runs VMs; complete, absolute. */
export interface RuntimeConfig {
  readonly runRoot: string;
  readonly libRoot: string;
  /** Null means the current image below `libRoot`. */
  readonly guestImage: string | null;
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  /** What pods and containers get where their options do not say. */
  readonly defaults: Defaults;
}
