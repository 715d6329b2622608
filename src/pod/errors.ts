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
 * What it says already is not said twice.
 */
export function during(what: string, error: unknown): VirtcontainersError {
  const reason = reasonOf(error);
  if (!isVirtcontainersError(error)) {
    return new VirtcontainersError('internal', `${what}: ${reason}`, { cause: error });
  }
  return new VirtcontainersError(error.code, `${what}: ${withoutSubject(reason, what)}`, {
    cause: error.code === 'cancelled' ? error.cause : error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: error.details,
  });
}

/** A reason without its own `cannot …:` where that is about the same pod or container. */
function withoutSubject(reason: string, what: string): string {
  const [said = '', subject] = /^cannot [^:]*?(\S+): /.exec(reason) ?? [];
  return what.endsWith(` ${subject}`) ? reason.slice(said.length) : reason;
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
