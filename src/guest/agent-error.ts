// Turns what fails inside the agent into the status that the host gets.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type ErrorCode,
  isVirtcontainersError,
  reasonOf,
  type VirtcontainersError,
} from '../base/errors.js';
import { ErrorDetail_Reason, ErrorDetailSchema } from '../wire/gen/agent_pb.js';
import { type RpcCode, RpcError, rpcCodeOf } from '../wire/ttrpc/index.js';
import type { FailureReason } from './doors.js';

// Complete: the compiler misses none.
const codes: Readonly<Record<ErrorCode, RpcCode>> = rpcCodeOf;

const reasonsByName: Readonly<Record<FailureReason, ErrorDetail_Reason>> = {
  'command-not-found': ErrorDetail_Reason.COMMAND_NOT_FOUND,
  'command-not-executable': ErrorDetail_Reason.COMMAND_NOT_EXECUTABLE,
  'no-such-container': ErrorDetail_Reason.NO_SUCH_CONTAINER,
  'no-such-process': ErrorDetail_Reason.NO_SUCH_PROCESS,
  'offset-out-of-range': ErrorDetail_Reason.OFFSET_OUT_OF_RANGE,
  'protocol-version': ErrorDetail_Reason.PROTOCOL_VERSION,
  'bad-working-directory': ErrorDetail_Reason.BAD_WORKING_DIRECTORY,
  'no-such-user': ErrorDetail_Reason.NO_SUCH_USER,
};

const reasons: ReadonlyMap<unknown, ErrorDetail_Reason> = new Map(Object.entries(reasonsByName));

/** Longest message that is sent, in characters: a tool's own error may be of any length. */
const maxMessageLength = 4096;

/** The status for anything that was thrown. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (!isVirtcontainersError(error)) {
    return new RpcError('internal', bounded(reasonOf(error)), { cause: error });
  }
  const failures = error.details['failedCleanups'];
  const more = Array.isArray(failures) ? `; not undone: ${failures.join('; ')}` : '';
  const message = bounded(`${error.message}${more}`);
  return new RpcError(codes[error.code], message, { details: toDetails(error), cause: error });
}

function bounded(text: string): string {
  return text.length <= maxMessageLength ? text : `${text.slice(0, maxMessageLength)}…`;
}

function toDetails(error: VirtcontainersError): readonly { typeUrl: string; value: Uint8Array }[] {
  const reason = reasons.get(error.details['reason']);
  if (reason === undefined) return [];
  const value = toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { reason }));
  return [{ typeUrl: `type.googleapis.com/${ErrorDetailSchema.typeName}`, value }];
}
