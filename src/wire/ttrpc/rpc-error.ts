// The error of a call: a gRPC code by its name, a message, and details as typed bytes.

/** The code of a call for each of the project's own error codes. */
export const rpcCodeOf = {
  'invalid-argument': 'invalid-argument',
  'not-found': 'not-found',
  'already-exists': 'already-exists',
  'invalid-state': 'failed-precondition',
  unsupported: 'unimplemented',
  timeout: 'deadline-exceeded',
  unavailable: 'unavailable',
  cancelled: 'cancelled',
  internal: 'internal',
} as const satisfies Readonly<Record<string, RpcCode>>;

/** The gRPC codes that say why a call failed, by their names in kebab case, each with its number. */
export const rpcCodeNumbers = {
  cancelled: 1,
  unknown: 2,
  'invalid-argument': 3,
  'deadline-exceeded': 4,
  'not-found': 5,
  'already-exists': 6,
  'permission-denied': 7,
  'resource-exhausted': 8,
  'failed-precondition': 9,
  aborted: 10,
  'out-of-range': 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  'data-loss': 15,
  unauthenticated: 16,
} as const;

export type RpcCode = keyof typeof rpcCodeNumbers;

const codesByNumber: ReadonlyMap<number, RpcCode> = new Map(
  (Object.entries(rpcCodeNumbers) as [RpcCode, number][]).map(([code, number]) => [number, code]),
);

/** The code of a number that a peer sent; `unknown` for any that is not of the table. */
export function rpcCode(number: number): RpcCode {
  return codesByNumber.get(number) ?? 'unknown';
}

/** What a failed call carries beside its message: a protobuf message's type and bytes. */
export interface RpcErrorDetail {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** Why a call failed; thrown by a handler it becomes the status that the caller gets. */
export class RpcError extends Error {
  readonly code: RpcCode;
  readonly details: readonly RpcErrorDetail[];

  constructor(
    code: RpcCode,
    message: string,
    options: { readonly details?: readonly RpcErrorDetail[]; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RpcError';
    this.code = code;
    this.details = options.details ?? [];
  }
}
