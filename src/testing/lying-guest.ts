// A guest whose agent lies about one method, in every way that an answer can be wrong; the real service does the work.
import type { Duplex } from 'node:stream';
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethodUnary,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { agentServerOptions } from '../guest/agent-service.js';
import { HandshakeRequestSchema } from '../wire/gen/agent_pb.js';
import { ResponseSchema } from '../wire/gen/ttrpc_pb.js';
import { decodeRequest, encodeSuccess } from '../wire/ttrpc/envelope.js';
import {
  FrameDecoder,
  headerBytes,
  maxMessageBytes,
  messageType,
  writeHeader,
} from '../wire/ttrpc/frame.js';
import { duplexPair, type ServiceImplementation, serve } from '../wire/ttrpc/index.js';

/** A call that is to be answered by a lie. */
export interface LiedCall {
  readonly streamId: number;
  readonly method: DescMethodUnary;
  /** The frame that the real service answers with; a wait's comes when the process ends. */
  readonly honest: Promise<Buffer>;
  readonly connection: Duplex;
  /** Breaks the channel below the connection. */
  readonly cut: () => void;
}

export interface Lie {
  readonly name: string;
  /** What becomes of the call; `settles` is an error or an answer that can be true. */
  readonly outcome: 'settles' | 'internal' | 'timeout' | 'unavailable' | 'true';
  readonly tell: (call: LiedCall) => void;
}

/** Serves a connection by `service`, but lies about the calls of `method` that come after the first `spared`. */
export function serveLying(
  connection: Duplex,
  service: ServiceImplementation,
  options: {
    readonly method: DescMethodUnary;
    readonly lie: Lie;
    readonly spared: number;
    readonly cut: () => void;
  },
): void {
  const { method, lie, spared, cut } = options;
  const [front, back] = duplexPair();
  for (const end of [front, back]) end.on('error', () => {});
  const lied = new Map<number, (answer: Buffer) => void>();
  let seen = 0;
  const onRequest = (streamId: number, payload: Buffer): void => {
    const isLied = decodeRequest(payload).method === method.name && ++seen > spared;
    const honest = new Promise<Buffer>((resolve) => isLied && lied.set(streamId, resolve));
    front.write(toFrame(streamId, messageType.request, payload));
    if (isLied) lie.tell({ streamId, method, honest, connection, cut });
  };
  const onAnswer = (streamId: number, payload: Buffer): void => {
    const answer = toFrame(streamId, messageType.response, payload);
    const hold = lied.get(streamId);
    if (hold === undefined) connection.write(answer);
    else hold(answer);
  };
  serve(back, [service], agentServerOptions);
  forEachFrame(connection, onRequest);
  forEachFrame(front, onAnswer);
  connection.on('close', () => front.destroy());
}

/** @param lateMs after which no caller waits any more */
export function liesOf(lateMs: number): readonly Lie[] {
  const answer =
    (toPayload: (call: LiedCall) => Uint8Array): Lie['tell'] =>
    (call) =>
      call.connection.write(toFrame(call.streamId, messageType.response, toPayload(call)));
  const result = (toMessage: (call: LiedCall) => Uint8Array): Lie['tell'] =>
    answer((call) => encodeSuccess(call.streamId, toMessage(call)).subarray(headerBytes));
  return [
    { name: 'garbage', outcome: 'internal', tell: answer(() => Buffer.alloc(64, 0xff)) },
    { name: 'garbage as its message', outcome: 'settles', tell: result(() => garbage) },
    { name: 'another message', outcome: 'settles', tell: result(() => otherMessage) },
    { name: 'an empty message', outcome: 'settles', tell: result(() => new Uint8Array()) },
    {
      name: 'numbers out of range',
      outcome: 'settles',
      tell: result(({ method }) => extreme(method)),
    },
    {
      name: 'a message of 4 GiB in a short frame',
      outcome: 'internal',
      tell: answer(() => Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])),
    },
    {
      name: 'a frame of 4 GiB',
      outcome: 'internal',
      tell: ({ streamId, connection }) => {
        const header = toFrame(streamId, messageType.response, new Uint8Array());
        header.writeUInt32BE(0xffff_ffff, 0);
        connection.write(header);
      },
    },
    { name: 'an error with bad details', outcome: 'settles', tell: answer(() => badStatus) },
    { name: 'an error that is none', outcome: 'settles', tell: answer(() => status(0, 'fine')) },
    {
      name: 'the truth too late',
      outcome: 'timeout',
      tell: ({ honest, connection }) => {
        const send = (frame: Buffer) => setTimeout(() => connection.write(frame), lateMs).unref();
        void honest.then(send);
      },
    },
    {
      name: 'the truth twice',
      outcome: 'true',
      tell: ({ honest, connection }) => {
        void honest.then((frame) => connection.write(Buffer.concat([frame, frame])));
      },
    },
    { name: 'nothing', outcome: 'timeout', tell: () => {} },
    { name: 'answers to calls that nobody made', outcome: 'timeout', tell: flood },
    {
      name: 'half an answer and the end',
      outcome: 'unavailable',
      tell: ({ streamId, connection, cut }) => {
        const frame = encodeSuccess(streamId, garbage);
        connection.write(frame.subarray(0, headerBytes + 5), cut);
      },
    },
  ];
}

const garbage = Buffer.from('\u001b[2J\u0000\xff\x9b%n{"pid":1}'.repeat(7), 'latin1');
const otherMessage = toBinary(
  HandshakeRequestSchema,
  create(HandshakeRequestSchema, { protocolVersion: 77, hostVersion: '\u001b]0;lie\u0007' }),
);
const badStatus = status(123_456, `\u001b[2J${'A'.repeat(100_000)}`, [
  { typeUrl: 'virtcontainers.agent.v1.ErrorDetail', value: Buffer.alloc(40, 0xff) },
  { typeUrl: '\u0000', value: Buffer.alloc(1) },
]);

function status(
  code: number,
  message: string,
  details: readonly { readonly typeUrl: string; readonly value: Uint8Array }[] = [],
): Uint8Array {
  const init = { status: { code, message, details: [...details] } };
  return toBinary(ResponseSchema, create(ResponseSchema, init));
}

// So that an answer with lists in its lists still fits into what is read of one.
const listLength = 5;

// Every number of an answer at its largest, every text long and full of control sequences, every list with something in it.
function extreme({ output }: DescMethodUnary): Uint8Array {
  return toBinary(output, extremeMessage(output, 3));
}

function extremeMessage(type: DescMessage, depth: number): Message {
  const values = type.fields.map((field) => [field.localName, extremeValue(field, depth)]);
  return create(type, Object.fromEntries(values));
}

function extremeValue(field: DescField, depth: number): unknown {
  const kind = field.fieldKind === 'list' ? field.listKind : field.fieldKind;
  const one =
    kind === 'scalar' && field.scalar !== undefined
      ? largest(field.scalar)
      : kind === 'enum'
        ? 0x7fff_ffff
        : kind === 'message' && field.message !== undefined && depth > 0
          ? extremeMessage(field.message, depth - 1)
          : undefined;
  return field.fieldKind === 'list' && one !== undefined ? Array(listLength).fill(one) : one;
}

function largest(type: ScalarType): unknown {
  switch (type) {
    case ScalarType.BOOL:
      return true;
    case ScalarType.STRING:
      return '\u001b]0;lie\u0007'.repeat(500);
    case ScalarType.BYTES:
      return Buffer.alloc(200_000, 0x1b);
    case ScalarType.INT64:
      return 2n ** 63n - 1n;
    case ScalarType.UINT64:
      return 2n ** 64n - 1n;
    case ScalarType.INT32:
      return 2 ** 31 - 1;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return Number.POSITIVE_INFINITY;
    default:
      return 2 ** 32 - 1;
  }
}

// 64 MiB in pieces of 64 KiB, as fast as they are read.
function flood({ streamId, connection }: LiedCall): void {
  let left = 1_024;
  const piece = toFrame(streamId + 2_000, messageType.response, Buffer.alloc(64 * 1024));
  const next = (): void => {
    if (left-- > 0 && !connection.destroyed) connection.write(piece, () => setImmediate(next));
  };
  next();
}

function toFrame(streamId: number, type: number, payload: Uint8Array): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headerBytes), payload]);
  writeHeader(frame, streamId, type);
  return frame;
}

function forEachFrame(stream: Duplex, use: (streamId: number, payload: Buffer) => void): void {
  const sink = {
    frame: ({ streamId }: { readonly streamId: number }, payload: Buffer) => use(streamId, payload),
    oversize: () => {},
  };
  const decoder = new FrameDecoder(sink, maxMessageBytes);
  stream.on('data', (chunk: Buffer) => decoder.push(chunk));
}
