// A stream of bytes as lines of text, each of bounded length.
import type { Readable } from 'node:stream';
import { HeldBytes } from './held-bytes.js';

const lineFeed = 10;
const carriageReturn = 13;

/**
 * Lines without their ends; what is longer than `maxBytes` comes in pieces. Whoever leaves the loop lets the stream flow: who
 * writes it is not held up by a reader that has gone.
 */
export async function* linesOf(
  stream: Readable,
  maxBytes: number,
): AsyncGenerator<string, void, undefined> {
  const begun = new HeldBytes();
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      let rest = toBuffer(chunk, stream);
      while (rest.length > 0) {
        const end = rest.indexOf(lineFeed);
        const line = end === -1 ? rest : rest.subarray(0, end);
        const room = maxBytes - begun.length;
        if (line.length > room) {
          const piece = join(begun, rest.subarray(0, room));
          const whole = wholeCharacters(piece);
          // What is cut off its end comes again before what follows.
          yield piece.toString('utf8', 0, whole);
          begun.add(piece.subarray(whole));
          rest = rest.subarray(room);
        } else if (end === -1) {
          begun.add(rest);
          break;
        } else {
          yield toText(begun.length === 0 ? line : join(begun, line));
          rest = rest.subarray(end + 1);
        }
      }
    }
    if (begun.length > 0) yield toText(join(begun, Buffer.alloc(0)));
  } finally {
    setImmediate(() => letFlow(stream));
  }
}

// Later: Node 20 lets a stream flow past a reader who comes in the same turn in which another has left.
function letFlow(stream: Readable): void {
  const isOver = stream.readableEnded || stream.destroyed;
  if (!isOver && stream.listenerCount('readable') === 0) stream.resume();
}

function toBuffer(chunk: Buffer | string, stream: Readable): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, stream.readableEncoding ?? 'utf8') : chunk;
}

function join(begun: HeldBytes, more: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let piece = begun.take(); piece !== null; piece = begun.take()) pieces.push(piece);
  return Buffer.concat([...pieces, more]);
}

function toText(line: Buffer): string {
  return line.toString('utf8', 0, line.length - (line.at(-1) === carriageReturn ? 1 : 0));
}

// Where the last character of a piece begins that goes on behind it; the piece's length where there is none, or only that.
function wholeCharacters(piece: Buffer): number {
  for (let back = 1; back <= Math.min(4, piece.length - 1); back++) {
    const byte = piece[piece.length - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? piece.length - back : piece.length;
  }
  return piece.length;
}
