// What both ends of a pod's control socket agree on: its name, its version, its errors.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ErrorCode, VirtcontainersError } from '../base/errors.js';
import { fromPlainError, type PlainError, toPlainError } from '../base/plain-error.js';
import { ErrorDetailSchema } from '../wire/gen/pod_pb.js';
import { type RpcCode, RpcError, rpcCodeOf } from '../wire/ttrpc/index.js';

/** The version of `virtcontainers.pod.v1` that is spoken here. */
export const protocolVersion = 1;
/** The socket's name in the pod's directory. */
export const podSocketName = 'pod.sock';

// Complete: the compiler misses none.
const rpcCodes: Readonly<Record<ErrorCode, RpcCode>> = rpcCodeOf;

const typeUrl = `type.googleapis.com/${ErrorDetailSchema.typeName}`;
// ttrpc's status holds 64 KiB of details, of which this is one.
const maxErrorBytes = 60 * 1024;
const maxMessageLength = 4096;
const maxTextLength = 4096;

/** The status of a call that has failed, with the whole error in it. */
export function toRpcError(error: unknown): RpcError {
  const plain = toPlainError(error);
  const value = toBinary(
    ErrorDetailSchema,
    create(ErrorDetailSchema, { json: JSON.stringify(bounded(plain)) }),
  );
  return new RpcError(rpcCodes[plain.code], plain.message, { details: [{ typeUrl, value }] });
}

/** The error that the other end has thrown; null where the status has none. */
export function fromRpcError(error: RpcError): VirtcontainersError | null {
  const detail = error.details.find((candidate) => candidate.typeUrl === typeUrl);
  if (detail === undefined) return null;
  try {
    const { json } = fromBinary(ErrorDetailSchema, detail.value, { readUnknownFields: false });
    return fromPlainError(JSON.parse(json));
  } catch {
    return null;
  }
}

// Of what is too long, each text keeps its end, as of a console; what is still too long goes.
function bounded(plain: PlainError): PlainError {
  const error = { ...plain, message: plain.message.slice(0, maxMessageLength) };
  if (fits(error)) return error;
  const details = Object.fromEntries(
    Object.entries(plain.details).map(([key, value]) => [
      key,
      typeof value === 'string' ? value.slice(-maxTextLength) : value,
    ]),
  );
  return fits({ ...error, details }) ? { ...error, details } : { ...error, details: {} };
}

function fits(plain: PlainError): boolean {
  return Buffer.byteLength(JSON.stringify(plain)) <= maxErrorBytes;
}
