// Turns what a call to the guest's agent fails with into the project's error, trusting nothing of it.
import { fromBinary } from '@bufbuild/protobuf';
import { abortError, type ErrorCode, reasonOf, VirtcontainersError } from '../../base/errors.js';
import { printable } from '../../base/untrusted-text.js';
import { ErrorDetail_Reason, ErrorDetailSchema } from '../../wire/gen/agent_pb.js';
import { type RpcCode, RpcError } from '../../wire/ttrpc/index.js';

const codes: Readonly<Record<RpcCode, ErrorCode>> = {
  // Not by this side's signal, which is looked at first: the guest gave the call up.
  cancelled: 'unavailable',
  unknown: 'internal',
  'invalid-argument': 'invalid-argument',
  'deadline-exceeded': 'timeout',
  'not-found': 'not-found',
  'already-exists': 'already-exists',
  'permission-denied': 'internal',
  'resource-exhausted': 'internal',
  'failed-precondition': 'invalid-state',
  aborted: 'internal',
  'out-of-range': 'invalid-argument',
  unimplemented: 'unsupported',
  internal: 'internal',
  unavailable: 'unavailable',
  'data-loss': 'internal',
  unauthenticated: 'internal',
};

const reasons: ReadonlyMap<ErrorDetail_Reason, string> = new Map([
  [ErrorDetail_Reason.COMMAND_NOT_FOUND, 'command-not-found'],
  [ErrorDetail_Reason.COMMAND_NOT_EXECUTABLE, 'command-not-executable'],
  [ErrorDetail_Reason.NO_SUCH_CONTAINER, 'no-such-container'],
  [ErrorDetail_Reason.NO_SUCH_PROCESS, 'no-such-process'],
  [ErrorDetail_Reason.OFFSET_OUT_OF_RANGE, 'offset-out-of-range'],
  [ErrorDetail_Reason.PROTOCOL_VERSION, 'protocol-version'],
  [ErrorDetail_Reason.BAD_WORKING_DIRECTORY, 'bad-working-directory'],
  [ErrorDetail_Reason.NO_SUCH_USER, 'no-such-user'],
]);

/** Longest text of the guest's in a message, in characters. */
export const maxGuestTextLength = 1024;

/** @param what the beginning of the message: `cannot <verb> <noun> <id>` */
export function toAgentError(
  error: unknown,
  what: string,
  signal: AbortSignal | undefined,
): VirtcontainersError {
  if (error instanceof VirtcontainersError) return error;
  if (!(error instanceof RpcError)) {
    return new VirtcontainersError('internal', `${what}: ${reasonOf(error)}`, { cause: error });
  }
  if (error.code === 'cancelled' && signal?.aborted === true) return abortError(signal, what);
  const reason = reasonOfCall(error);
  // The RpcError is no cause: whoever prints causes would print the guest's text unescaped.
  return new VirtcontainersError(codes[error.code], `${what}: ${guestText(error.message, what)}`, {
    ...(error.cause === undefined ? {} : { cause: error.cause }),
    ...(reason === undefined ? {} : { details: { reason } }),
  });
}

/** The reason that a failed call's details state, by its name in our errors. */
export function reasonOfCall(error: RpcError): string | undefined {
  const wanted = ErrorDetailSchema.typeName;
  for (const { typeUrl, value } of error.details) {
    if (typeUrl.slice(typeUrl.lastIndexOf('/') + 1) !== wanted) continue;
    try {
      return reasons.get(fromBinary(ErrorDetailSchema, value, { readUnknownFields: false }).reason);
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The agent's own `cannot …:` goes where it is about the same thing: the message has one already. */
function guestText(message: string, what: string): string {
  const text = printable(message, maxGuestTextLength);
  const [said = '', subject] = /^cannot [^:]{0,300}?(\S{1,200}): /.exec(text) ?? [];
  const rest = what.endsWith(` ${subject}`) ? text.slice(said.length) : text;
  return rest === '' ? 'the guest gives no reason' : rest;
}
