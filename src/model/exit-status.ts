// How a process ended.
import { constants } from 'node:os';

/** How a process in a container ended. */
export interface ExitStatus {
  /** The process' own exit code, or 128 + n if signal n ended it: what a shell would say. */
  readonly code: number;
  /** The signal that ended it, for example `SIGKILL`; null if it exited by itself. */
  readonly signal: NodeJS.Signals | null;
  /** `oom` means that the container's memory limit killed it, or the process for whose end it speaks: init's child. */
  readonly reason: 'exited' | 'signaled' | 'oom';
}

/** The name of a Linux signal number, if it has one. */
export function signalName(number: number): NodeJS.Signals | undefined {
  return signalNames.get(number);
}

/** The number of a signal given as `SIGTERM`, `TERM`, `term`, `15` or 15; undefined if there is none. */
export function signalNumber(signal: string | number): number | undefined {
  const numeric = Number(signal);
  if (Number.isInteger(numeric) && String(signal).trim() !== '') {
    return numeric >= 1 && numeric <= 64 ? numeric : undefined;
  }
  const upper = String(signal).toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  return Object.hasOwn(constants.signals, name)
    ? constants.signals[name as NodeJS.Signals]
    : undefined;
}

// SIGIOT and SIGPOLL are second names: the first name of a number wins.
const signalNames: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(constants.signals)
    .reverse()
    .filter(([name]) => name !== 'SIGIOT' && name !== 'SIGPOLL')
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);
