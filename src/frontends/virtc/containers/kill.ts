// `virtc kill`: a signal to a container's first process, by default SIGKILL, which ends all of it.
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';
import { toSignal } from './signals.js';

export interface KillFlags extends CommonFlags {
  readonly signal?: string;
}

/** Resolves with the exit code: 1 if one could not be signalled. */
export async function kill(
  names: readonly string[],
  flags: KillFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  const signal = toSignal(flags.signal ?? 'KILL');
  return forEach(names, { flags, streams }, async (name) => {
    const found = await look(runtime, name, 'kill');
    const what = `cannot kill container ${found.container.id}`;
    requireDockerState(found, what, ['running', 'paused']);
    const container = await openContainer(runtime, found);
    await container.kill(signal);
  });
}
