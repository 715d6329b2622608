// The mark that begins a connection on a channel that has none, and the stuffing that keeps it out of the data.
import { randomBytes } from 'node:crypto';

/*
 * On the wire each M is followed by a code that says what it is:
 *
 *   M literal          the bytes of M in the data
 *   M mark + token     a connection begins; whatever came before is of no interest any more
 *   M nothing          no data; follows data that ends like a beginning of M, so that the receiver need not wait
 *
 * M with any other code, or a token that is cut short, was left by a sender that died: the receiver
 * drops everything up to the next mark. A receiver holds back what may be the beginning of M until it
 * knows: else the first bytes of a new host's mark could complete the half frame of a dead one.
 */

/** M: its first byte occurs nowhere else in it, so it never overlaps itself, and not in a token. */
export const markBytes = Buffer.from([0xf7, 0x56, 0x69, 0x72, 0x74, 0x43, 0x9e, 0x02]);
export const firstMarkByte = 0xf7;

export const markCode = { literal: 0, mark: 1, nothing: 2 } as const;

/** Length of a token in bytes. */
export const tokenBytes = 16;

/** A fresh token: random bytes, none of them the first of M. */
export function newToken(): Buffer {
  return randomBytes(tokenBytes).map((byte) => (byte === firstMarkByte ? 0 : byte)) as Buffer;
}

/** The bytes that begin a connection. */
export function encodeMark(token: Buffer): Buffer {
  return Buffer.concat([markBytes, Buffer.of(markCode.mark), token]);
}

const stuffedMark = Buffer.concat([markBytes, Buffer.of(markCode.literal)]);
const nothing = Buffer.concat([markBytes, Buffer.of(markCode.nothing)]);

/**
 * Stuffs a chunk of data so that it holds no mark and does not end inside one.
 * Returns the chunk itself where there is nothing to do, which is nearly always.
 */
export function stuff(chunk: Buffer): Buffer {
  const endsLikeMark = possibleMarkStart(chunk, 0, chunk.length) < chunk.length;
  let found = chunk.indexOf(markBytes);
  if (found < 0 && !endsLikeMark) return chunk;
  const pieces: Buffer[] = [];
  let position = 0;
  for (; found >= 0; found = chunk.indexOf(markBytes, position)) {
    pieces.push(chunk.subarray(position, found), stuffedMark);
    position = found + markBytes.length;
  }
  pieces.push(chunk.subarray(position));
  if (endsLikeMark) pieces.push(nothing);
  return Buffer.concat(pieces);
}

/** Where a beginning of M (not all of it) starts that reaches to `end`; `end` if there is none. */
export function possibleMarkStart(bytes: Buffer, start: number, end: number): number {
  const lowest = Math.max(start, end - markBytes.length + 1);
  for (let at = end - 1; at >= lowest; at--) {
    // Only the last one can reach to the end: the first byte of M occurs nowhere else in it.
    if (bytes[at] !== firstMarkByte) continue;
    return markBytes.compare(bytes, at, end, 0, end - at) === 0 ? at : end;
  }
  return end;
}
