// What a check of the host says, and how a check that cannot be made counts.
import { isVirtcontainersError, reasonOf } from '../base/errors.js';

/** `warn`: it works, but with less than there could be. `fail`: pods cannot run. */
export type CheckStatus = 'ok' | 'warn' | 'fail';

/** What one check found. */
export interface Finding {
  readonly status: CheckStatus;
  /** What is there or is not, without a full stop. */
  readonly message: string;
  /** What the reader can do about it. */
  readonly hint?: string;
  /** Whether `virtc setup` does that. */
  readonly fixedBySetup?: boolean;
}

/** A finding under the name of its check. */
export interface Check extends Finding {
  readonly name: string;
}

export const ok = (message: string): Finding => ({ status: 'ok', message });

type More = Omit<Finding, 'status' | 'message'>;

export const warn = (message: string, more: More = {}): Finding => ({
  status: 'warn',
  message,
  ...more,
});

export const fail = (message: string, more: More = {}): Finding => ({
  status: 'fail',
  message,
  ...more,
});

/** Makes a check; one that throws has failed. */
export async function runCheck(
  name: string,
  work: () => Finding | Promise<Finding>,
): Promise<Check> {
  try {
    return { name, ...(await work()) };
  } catch (error) {
    const hint = isVirtcontainersError(error) ? error.hint : undefined;
    return { name, ...fail(reasonOf(error), hint === undefined ? {} : { hint }) };
  }
}
