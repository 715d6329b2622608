// `virtc start`: starts containers that were created or have ended, and the VM with them.
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';
import { dockerState } from './rows.js';

/** Resolves with the exit code: 1 if one could not be started. One that runs already is no error, as with docker. */
export async function start(
  names: readonly string[],
  flags: CommonFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  return forEach(names, { flags, streams }, async (name) => {
    const found = await look(runtime, name, 'start');
    if (dockerState(found) === 'running') return;
    const what = `cannot start container ${found.container.id}`;
    requireDockerState(found, what, ['created', 'exited']);
    await (await openContainer(runtime, found)).start();
  });
}
