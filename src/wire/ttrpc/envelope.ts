// What a frame carries: ttrpc.Request and ttrpc.Response, coded by hand because each call pays for it twice.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ResponseSchema, type Status, StatusSchema } from '../gen/ttrpc_pb.js';
import { headerBytes, messageType, writeHeader } from './frame.js';
import { type RpcError, rpcCodeNumbers } from './rpc-error.js';

export interface RequestEnvelope {
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  /** Milliseconds; 0 means without a deadline. */
  readonly timeoutMs: number;
}

export interface ResponseEnvelope {
  readonly status: Status | undefined;
  readonly payload: Uint8Array;
}

const empty = new Uint8Array(0);
const nanosecondsPerMs = 1_000_000;
/** Longest message of an error that is sent, in characters: a handler's text may be anything. */
const maxErrorMessageLength = 2048;
const maxErrorDetailBytes = 64 * 1024;

/** A whole frame with a request, in one buffer. */
export function encodeRequest(streamId: number, request: RequestEnvelope): Buffer {
  const { service, method, payload } = request;
  const timeoutNano = request.timeoutMs * nanosecondsPerMs;
  const serviceLength = Buffer.byteLength(service);
  const methodLength = Buffer.byteLength(method);
  const frame = Buffer.allocUnsafe(
    headerBytes +
      fieldBytes(serviceLength) +
      fieldBytes(methodLength) +
      (payload.length > 0 ? fieldBytes(payload.length) : 0) +
      (timeoutNano > 0 ? 1 + varintBytes(timeoutNano) : 0),
  );
  let position = startField(frame, headerBytes, 1, serviceLength);
  position += frame.write(service, position);
  position = startField(frame, position, 2, methodLength);
  position += frame.write(method, position);
  if (payload.length > 0) {
    position = startField(frame, position, 3, payload.length);
    frame.set(payload, position);
    position += payload.length;
  }
  if (timeoutNano > 0) {
    frame[position] = (4 << 3) | WireType.Varint;
    writeVarint(frame, position + 1, timeoutNano);
  }
  writeHeader(frame, streamId, messageType.request);
  return frame;
}

/** A whole frame with the answer of a call that went well, in one buffer. */
export function encodeSuccess(streamId: number, payload: Uint8Array): Buffer {
  const isEmpty = payload.length === 0;
  const frame = Buffer.allocUnsafe(headerBytes + (isEmpty ? 0 : fieldBytes(payload.length)));
  if (!isEmpty) frame.set(payload, startField(frame, headerBytes, 2, payload.length));
  writeHeader(frame, streamId, messageType.response);
  return frame;
}

/** A whole frame with the status of a call that failed; what is too long of it is left out. */
export function encodeFailure(streamId: number, error: RpcError): Buffer {
  const size = error.details.reduce(
    (sum, { typeUrl, value }) => sum + typeUrl.length + value.length,
    0,
  );
  const details = size <= maxErrorDetailBytes ? error.details : [];
  const status = {
    code: rpcCodeNumbers[error.code],
    message: Buffer.from(error.message.slice(0, maxErrorMessageLength)).toString(),
    details: details.map(({ typeUrl, value }) => ({ typeUrl, value })),
  };
  const payload = toBinary(ResponseSchema, create(ResponseSchema, { status }));
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.set(payload, headerBytes);
  writeHeader(frame, streamId, messageType.response);
  return frame;
}

/** Reads a request; its metadata is not used here and skipped. @throws Error if the bytes are none */
export function decodeRequest(bytes: Uint8Array): RequestEnvelope {
  const reader = new BinaryReader(bytes);
  let service = '';
  let method = '';
  let payload: Uint8Array = empty;
  let timeoutMs = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) service = reader.string(true);
    else if (field === 2 && wireType === WireType.LengthDelimited) method = reader.string(true);
    else if (field === 3 && wireType === WireType.LengthDelimited) payload = reader.bytes();
    else if (field === 4 && wireType === WireType.Varint) {
      timeoutMs = Number(reader.int64()) / nanosecondsPerMs;
    } else reader.skip(wireType, field);
  }
  return { service, method, payload, timeoutMs };
}

/** Reads a response. @throws Error if the bytes are none */
export function decodeResponse(bytes: Uint8Array): ResponseEnvelope {
  const reader = new BinaryReader(bytes);
  let status: Status | undefined;
  let payload: Uint8Array = empty;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) {
      status = fromBinary(StatusSchema, reader.bytes(), { readUnknownFields: false });
    } else if (field === 2 && wireType === WireType.LengthDelimited) payload = reader.bytes();
    else reader.skip(wireType, field);
  }
  return { status, payload };
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) count++;
  return count;
}

/** Size of a length-delimited field whose number is at most 15. */
function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

/** Writes tag and length of a length-delimited field; returns where its bytes go. */
function startField(frame: Buffer, position: number, field: number, length: number): number {
  frame[position] = (field << 3) | WireType.LengthDelimited;
  return writeVarint(frame, position + 1, length);
}

/** Writes an integer of up to 53 bits; returns the position behind it. */
function writeVarint(frame: Buffer, start: number, value: number): number {
  let position = start;
  let rest = value;
  while (rest > 0x7f) {
    frame[position++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  frame[position] = rest;
  return position + 1;
}
