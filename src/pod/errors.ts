// The errors of policy: whose message says what was being done, and a VM's death with its last words.
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../base/errors.js';
import type { VmExit } from '../host/hypervisor/hypervisor.js';

/** The error of a call that a VM's end has cut off. */
export function vmGone(what: string, exit: VmExit): VirtcontainersError {
  const { kind, reason, consoleTail, stderrTail } = exit;
  return new VirtcontainersError('unavailable', `${what}: the VM is gone: ${reason}`, {
    details: { reason: 'vm-gone', vmExit: kind, consoleTail, stderrTail },
  });
}

/**
 * Says what was being done when something below failed; code, hint and details stay.
 * @param subject replaces what the layer below was doing (the cause still tells): `root file system "/x"`, or nothing
 */
export function during(what: string, error: unknown, subject?: string): VirtcontainersError {
  const reason = reasonOf(error);
  if (!isVirtcontainersError(error)) {
    return new VirtcontainersError('internal', `${what}: ${reason}`, { cause: error });
  }
  const said = reason.startsWith(`${what}: `);
  const own = said ? reason.slice(what.length + 2) : reason;
  const inner = subject === undefined || said ? own : own.replace(/^cannot [^:]{1,300}: /, '');
  const about = subject === undefined || subject === '' ? '' : `${subject}: `;
  return new VirtcontainersError(error.code, `${what}: ${about}${inner}`, {
    cause: error.code === 'cancelled' || said ? error.cause : error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: error.details,
  });
}

/** As `during`, for what runs a command: where the command is the reason, it is named. */
export function duringCommand(
  what: string,
  command: readonly string[],
  error: unknown,
): VirtcontainersError {
  const reason = isVirtcontainersError(error) ? error.details['reason'] : undefined;
  const isCommand = typeof reason === 'string' && reason.startsWith('command-');
  if (!isCommand) return during(what, error, '');
  const name = JSON.stringify((command[0] ?? '').slice(0, 200));
  const failure = during(what, error, `command ${name}`);
  // The layers below have named it, too.
  const again = `command ${name}: cannot execute ${name}: `;
  const message = failure.message.replace(again, () => `command ${name}: `);
  const { code, cause, hint, details } = failure;
  return new VirtcontainersError(code, message, {
    cause,
    ...(hint === undefined ? {} : { hint }),
    details,
  });
}

/** Runs `work`; its error says what was being done. */
export async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw during(what, error);
  }
}

/** Waits for what must not hang a clean-up; says as text what failed, or nothing. */
export async function attempt(
  what: string,
  work: () => Promise<unknown> | unknown,
): Promise<readonly string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    return [`${what}: ${reasonOf(error)}`];
  }
}
