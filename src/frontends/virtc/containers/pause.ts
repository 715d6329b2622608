// `virtc pause`: has all processes of containers stand still until `unpause`.
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';

/** Resolves with the exit code: 1 for one that it could not be done to. */
export async function pause(
  names: readonly string[],
  flags: CommonFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  return forEach(names, { flags, streams }, async (name) => {
    const found = await look(runtime, name, 'pause');
    requireDockerState(found, `cannot pause container ${found.container.id}`, ['running']);
    await (await openContainer(runtime, found)).pause();
  });
}
