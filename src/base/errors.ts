// The one error class of the project, with its closed set of codes.

/** Every code an error of this library can carry. */
export const errorCodes = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'invalid-state',
  'unsupported',
  'timeout',
  'unavailable',
  'cancelled',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface VirtcontainersErrorOptions {
  /** What went wrong below; kept as `error.cause`. */
  readonly cause?: unknown;
  /** What the reader can do about it, as one sentence. */
  readonly hint?: string;
  /** Facts for programs: paths, ids, exit codes, the console's last lines, failed clean-ups. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * Every failure that this library reports.
 * `message` reads `cannot <verb> <noun> <id>: <reason>`, lower case, without a full stop.
 */
export class VirtcontainersError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: VirtcontainersErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = code === 'cancelled' ? 'AbortError' : 'VirtcontainersError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** Whether a value is an error of this library, also one of another copy of it. */
export function isVirtcontainersError(value: unknown): value is VirtcontainersError {
  return (
    value instanceof Error &&
    'code' in value &&
    'details' in value &&
    (errorCodes as readonly unknown[]).includes(value.code)
  );
}

/** The error that an aborted operation rejects with: `name` is `AbortError`, `cause` the signal's reason. */
export function abortError(signal: AbortSignal, what: string): VirtcontainersError {
  return new VirtcontainersError('cancelled', `${what}: aborted`, { cause: signal.reason });
}

/** Whether what failed has left something behind, which must be said and must not be made a second time. */
export function hasLeftovers(error: unknown): boolean {
  return isVirtcontainersError(error) && error.details['failedCleanups'] !== undefined;
}

/** Whether it ended because it was asked to, with nothing left of it. */
export function isCleanAbort(error: unknown): boolean {
  return isVirtcontainersError(error) && error.code === 'cancelled' && !hasLeftovers(error);
}

/** Throws the abort error if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortError(signal, what);
}

/** The text of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno name (`ENOENT`) of a Node system error, if it is one. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** Adds facts to an error that only the layer above knows; the error keeps its identity where it is ours. */
export function withDetails(
  error: unknown,
  details: Readonly<Record<string, unknown>>,
): VirtcontainersError {
  if (!isVirtcontainersError(error)) {
    return new VirtcontainersError('internal', reasonOf(error), { cause: error, details });
  }
  const merged = new VirtcontainersError(error.code, error.message, {
    cause: error.cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: { ...error.details, ...details },
  });
  if (error.stack !== undefined) merged.stack = error.stack;
  return merged;
}
