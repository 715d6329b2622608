// The states of pods and containers, and the refusal of what makes no sense in one.
import { VirtcontainersError } from '../base/errors.js';

/** `ready`: created, not started. A stopped one can start again. */
export type State = 'ready' | 'running' | 'paused' | 'stopped';

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
    { details: { state, allowed }, ...wayOut(state, allowed) },
  );
}

function wayOut(state: State, allowed: readonly State[]): { readonly hint?: string } {
  if (state === 'paused') return { hint: 'resume it first' };
  if (state !== 'running') return allowed.includes('running') ? { hint: 'start it first' } : {};
  if (!allowed.includes('stopped')) return {};
  return { hint: 'stop it first, or delete it with `force: true`' };
}
