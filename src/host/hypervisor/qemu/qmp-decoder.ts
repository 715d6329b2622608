// Cuts QMP's byte stream into messages, trusting nothing: a QEMU that was taken over speaks here.
import { VirtcontainersError } from '../../../base/errors.js';

/** Longest line taken, in bytes: QEMU's longest honest answer (its own schema) has about 200 KiB. */
const maxQmpLineBytes = 1024 * 1024;

export type QmpMessage =
  | { readonly kind: 'greeting'; readonly version: string }
  | { readonly kind: 'return'; readonly id: unknown; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly id: unknown;
      readonly errorClass: string;
      readonly description: string;
    }
  | {
      readonly kind: 'event';
      readonly name: string;
      readonly data: Readonly<Record<string, unknown>>;
    };

const newline = 0x0a;

/** Holds at most one unfinished line, and that only up to `maxLineBytes`. */
export class QmpDecoder {
  readonly #maxLineBytes: number;
  #held = Buffer.alloc(0);
  #heldBytes = 0;

  constructor(maxLineBytes: number = maxQmpLineBytes) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Takes the next bytes; gives the messages that they complete.
   * @throws VirtcontainersError `internal` for what is not QMP; the stream is of no use after that
   */
  *push(chunk: Uint8Array): Generator<QmpMessage, void, undefined> {
    let rest = chunk;
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      this.#hold(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      // Decoding whole lines keeps characters whole that a chunk's end has cut.
      const line = this.#held.toString('utf8', 0, this.#heldBytes).trim();
      this.#held = Buffer.alloc(0);
      this.#heldBytes = 0;
      if (line !== '') yield decodeLine(line);
    }
    this.#hold(rest);
  }

  #hold(part: Uint8Array): void {
    if (part.length === 0) return;
    const total = this.#heldBytes + part.length;
    if (total > this.#maxLineBytes) {
      throw notQmp(`a line has more than ${this.#maxLineBytes} bytes`);
    }
    // One buffer that doubles: a list of pieces would cost an object for each, and whoever sends cuts them as it likes.
    if (total > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(total, 2 * this.#held.length));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    this.#held.set(part, this.#heldBytes);
    this.#heldBytes = total;
  }
}

function notQmp(reason: string, cause?: unknown): VirtcontainersError {
  return new VirtcontainersError('internal', `cannot understand QEMU: ${reason}`, { cause });
}

function decodeLine(line: string): QmpMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    // Its text quotes what came, unescaped: only the fact is passed on.
    throw notQmp(error instanceof SyntaxError ? 'a line is not JSON' : 'a line is nested too deep');
  }
  if (!isObject(value)) throw notQmp('a line is not an object');
  return toMessage(value);
}

function toMessage(value: Readonly<Record<string, unknown>>): QmpMessage {
  if (Object.hasOwn(value, 'return')) {
    return { kind: 'return', id: value['id'], value: value['return'] };
  }
  const { QMP: greeting, error, event, data, id } = value;
  if (isObject(error)) {
    return {
      kind: 'error',
      id,
      errorClass: text(error['class'], 'GenericError'),
      description: text(error['desc'], 'no description'),
    };
  }
  if (typeof event === 'string') {
    return { kind: 'event', name: event, data: isObject(data) ? data : {} };
  }
  if (isObject(greeting)) return { kind: 'greeting', version: toVersion(greeting['version']) };
  throw notQmp('a line is no greeting, answer or event');
}

function toVersion(version: unknown): string {
  const numbers = isObject(version) && isObject(version['qemu']) ? version['qemu'] : {};
  return [numbers['major'], numbers['minor'], numbers['micro']]
    .map((part) => (typeof part === 'number' ? String(part) : '?'))
    .join('.');
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

/** Whether a value is an object with keys, as JSON has them. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
