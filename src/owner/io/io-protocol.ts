// What both ends of a pod's raw streams agree on: one line each way, then bytes.
import { isObject } from '../../base/check-json.js';
import { VirtcontainersError } from '../../base/errors.js';
import { type PlainError, toPlainError } from '../../base/plain-error.js';

/** The socket's name in the pod's directory. */
export const ioSocketName = 'io.sock';
/** The version of the line that opens a stream. */
export const ioVersion = 1;
/** Longest line, in bytes. */
export const maxLineBytes = 64 * 1024;

/** Where output begins: the oldest byte that is kept, what comes from now on, or a place in the stream. */
export type From = 'kept' | 'now' | number;

/** The client's line: which stream of which process. */
export interface StreamRequest {
  readonly version: number;
  readonly containerId: string;
  /** Null is the container's first. */
  readonly processId: string | null;
  readonly stream: 'stdin' | 'stdout' | 'stderr';
  readonly from: From;
}

/** The owner's line: where the bytes begin, which is later than asked where those are gone; or why there are none. */
export type StreamAnswer = { readonly offset: number } | { readonly error: PlainError };

/** @throws VirtcontainersError `invalid-argument`, `unsupported` for another version */
export function parseRequest(line: string): StreamRequest {
  const refuse = (reason: string): never => {
    throw new VirtcontainersError('invalid-argument', `cannot open a stream: ${reason}`);
  };
  const request = parsed(line);
  if (!isObject(request)) return refuse('the first line is not a JSON object');
  const { version, containerId, processId, stream, from } = request;
  if (version !== ioVersion) {
    throw new VirtcontainersError(
      'unsupported',
      `cannot open a stream: the client speaks version ${JSON.stringify(version)}, the owner ${ioVersion}`,
      { hint: 'use the version of virtcontainers that made the pod' },
    );
  }
  if (typeof containerId !== 'string') return refuse('containerId is not text');
  if (processId !== null && typeof processId !== 'string') {
    return refuse('processId is neither text nor null');
  }
  if (stream !== 'stdin' && stream !== 'stdout' && stream !== 'stderr') {
    return refuse('stream is not stdin, stdout or stderr');
  }
  if (from !== 'kept' && from !== 'now' && !isCount(from)) {
    return refuse('from is not kept, now or an offset');
  }
  return { version, containerId, processId, stream, from };
}

/** @throws Error what is wrong with it */
export function parseAnswer(line: string): StreamAnswer {
  const answer = parsed(line);
  if (isObject(answer) && isCount(answer['offset'])) return { offset: answer['offset'] };
  if (isObject(answer) && isObject(answer['error'])) {
    return { error: answer['error'] as unknown as PlainError };
  }
  throw new Error('its owner answers what is no answer');
}

/** The line that says why there is no stream. */
export function refusal(error: unknown): string {
  const plain = toPlainError(error);
  const line = toLine({ error: plain });
  if (Buffer.byteLength(line) <= maxLineBytes) return line;
  return toLine({ error: { ...plain, message: plain.message.slice(0, 4096), details: {} } });
}

/** A document as a line. */
export function toLine(document: StreamRequest | StreamAnswer): string {
  return `${JSON.stringify(document)}\n`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
