// The states of pods and containers and the transitions between them.
import { VirtcontainersError } from '../base/errors.js';

/** `ready`: created, not started. A stopped one can start again. */
export type State = 'ready' | 'running' | 'paused' | 'stopped';

const transitions: Readonly<Record<State, readonly State[]>> = {
  ready: ['running', 'stopped'],
  running: ['paused', 'stopped'],
  paused: ['running', 'stopped'],
  stopped: ['running'],
};

/** Whether a pod or container may go from one state to the other. */
export function canTransition(from: State, to: State): boolean {
  return transitions[from].includes(to);
}

/**
 * Refuses an operation in a state where it makes no sense.
 * @throws VirtcontainersError `invalid-state`, naming the state it is in and those it must be in.
 */
export function requireState(
  what: string,
  noun: 'pod' | 'container',
  state: State,
  allowed: readonly State[],
): void {
  if (allowed.includes(state)) return;
  throw new VirtcontainersError(
    'invalid-state',
    `${what}: the ${noun} is ${state}, it must be ${allowed.join(' or ')}`,
    { details: { state, allowed } },
  );
}
