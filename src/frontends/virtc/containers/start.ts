// `virtc start`: starts containers that were created or have ended, and the VM with them.
import { VirtcontainersError } from '../../../base/errors.js';
import { defaultDetachKeys, toDetachKeys } from '../session/detach-keys.js';
import type { SessionContext } from '../session/session.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { type FoundContainer, openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';
import { dockerState } from './rows.js';

export interface StartFlags extends CommonFlags {
  readonly attach?: boolean;
  readonly interactive?: boolean;
  readonly detachKeys?: string;
}

/**
 * Resolves with the exit code: 1 if one could not be started; attached, the container's own. One that runs already is no error, as
 * with docker.
 */
export async function start(
  names: readonly string[],
  flags: StartFlags,
  context: VerbContext & Partial<SessionContext>,
): Promise<number> {
  const { runtime, streams } = context;
  if (flags.attach === true || flags.interactive === true)
    return startAttached(names, flags, context);
  return forEach(names, { flags, streams }, async (name) => {
    const found = await look(runtime, name, 'start');
    if (dockerState(found) === 'running') return;
    requireStartable(found);
    await (await openContainer(runtime, found)).start();
  });
}

async function startAttached(
  names: readonly string[],
  flags: StartFlags,
  context: VerbContext & Partial<SessionContext>,
): Promise<number> {
  const [name, second] = names;
  if (name === undefined || second !== undefined) {
    throw new VirtcontainersError(
      'invalid-argument',
      'cannot start and attach multiple containers at once',
    );
  }
  const detachKeys = toDetachKeys(flags.detachKeys ?? defaultDetachKeys);
  const [{ attachTo }, { sessionContext }] = await Promise.all([
    import('./attach.js'),
    import('../session/context.js'),
  ]);
  const found = await look(context.runtime, name, 'start');
  requireStartable(found);
  const container = await openContainer(context.runtime, found);
  const { stdin, terminal } = found.container;
  const how = {
    interactive: flags.interactive === true && stdin,
    tty: terminal,
    forwardsSignals: true,
    detachKeys,
  };
  return attachTo(container, { ...sessionContext(), ...context }, how, (signal) =>
    container.start({ signal }),
  );
}

function requireStartable(found: FoundContainer): void {
  const what = `cannot start container ${found.container.id}`;
  requireDockerState(found, what, ['created', 'exited']);
}
