// `virtc wait`: waits until containers have ended and prints their exit codes.
import { VirtcontainersError } from '../../../base/errors.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { openContainer } from './find.js';
import { look } from './owned.js';
import { dockerState } from './rows.js';

/** Resolves with the exit code: 1 if the code of one cannot be told. Of one that has not been started the start is waited for, too. */
export async function wait(
  names: readonly string[],
  flags: CommonFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  return forEach(names, { flags, streams }, async (name) => {
    const found = await look(runtime, name, 'wait for');
    const { container } = found;
    const state = dockerState(found);
    if (state !== 'exited' && state !== 'dead') {
      const { code } = await (await openContainer(runtime, found)).wait();
      return String(code);
    }
    if (container.exit === null) {
      throw new VirtcontainersError(
        'unavailable',
        `cannot wait for container ${container.id}: nobody knows its exit code, its VM has ended under it`,
      );
    }
    return String(container.exit.code);
  });
}
