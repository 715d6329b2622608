// `virtc attach`: our streams, terminal and signals to a container that runs; and `virtc start -a`.
import { isVirtcontainersError } from '../../../base/errors.js';
import type { Container } from '../../../model/pod.js';
import { Interrupts } from '../run/interrupts.js';
import { requireTerminal } from '../session/context.js';
import { defaultDetachKeys, toDetachKeys } from '../session/detach-keys.js';
import { runSession, type SessionContext } from '../session/session.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';

export interface AttachFlags extends CommonFlags {
  /** Of `--no-stdin`. */
  readonly stdin?: boolean;
  readonly sigProxy?: boolean;
  readonly detachKeys?: string;
}

type Context = VerbContext & SessionContext;

/** Resolves with the container's exit code; 0 where it was left with the detach keys. */
export async function attach(name: string, flags: AttachFlags, context: Context): Promise<number> {
  const detachKeys = toDetachKeys(flags.detachKeys ?? defaultDetachKeys);
  const found = await look(context.runtime, name, 'attach to');
  const what = `cannot attach to container ${found.container.id}`;
  requireDockerState(found, what, ['running']);
  const container = await openContainer(context.runtime, found);
  return attachTo(container, context, {
    interactive: flags.stdin !== false && found.container.stdin,
    tty: found.container.terminal,
    forwardsSignals: flags.sigProxy !== false,
    detachKeys,
  });
}

export interface HowToAttach {
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly forwardsSignals: boolean;
  readonly detachKeys: Uint8Array;
}

/** @param begin what makes it run, where it does not yet */
export async function attachTo(
  container: Container,
  context: Context,
  how: HowToAttach,
  begin?: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  requireTerminal(how, context.terminal);
  const interrupts = new Interrupts(context.signals);
  try {
    await begin?.(interrupts.signal);
    const status = await runSession({ process: container, ...how, interrupts }, context);
    if (status === null) context.streams.stderr.write('\r\nread escape sequence\n');
    return interrupts.exitCode ?? status?.code ?? 0;
  } catch (error) {
    if (interrupts.exitCode === undefined || !isAborted(error)) throw interrupts.failure ?? error;
    // A second ^C: the container is ended, as a run in the foreground is.
    if (interrupts.exitCode === killed) await container.kill('SIGKILL');
    return interrupts.exitCode;
  } finally {
    interrupts.dispose();
  }
}

const killed = 137;

function isAborted(error: unknown): boolean {
  return isVirtcontainersError(error) && error.code === 'cancelled';
}
