// `virtc unpause`: lets containers that were paused go on.
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';

/** Resolves with the exit code: 1 for one that it could not be done to. */
export async function unpause(
  names: readonly string[],
  flags: CommonFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  return forEach(names, { flags, streams }, async (name) => {
    const found = await look(runtime, name, 'unpause');
    requireDockerState(found, `cannot unpause container ${found.container.id}`, ['paused']);
    await (await openContainer(runtime, found)).resume();
  });
}
