// ttrpc's frames: a header of ten bytes and a payload; a decoder for bytes that come in any pieces.

/** Bytes of a header: payload length (4), stream id (4), both big endian, message type (1), flags (1). */
export const headerBytes = 10;
/** Longest payload that ttrpc allows, in bytes. */
export const maxMessageBytes = 4 * 1024 * 1024;
/** Largest stream id. */
export const maxStreamId = 0xffff_ffff;

export const messageType = { request: 1, response: 2, data: 3 } as const;
/** Flag of a request whose sender will send data: a streaming call. */
export const flagRemoteOpen = 0x02;

export interface FrameHeader {
  readonly streamId: number;
  readonly type: number;
  readonly flags: number;
}

/** What a decoder tells: `payload` may share its memory with the chunk that brought it. */
export interface FrameSink {
  frame(header: FrameHeader, payload: Buffer): void;
  /** A frame whose payload is longer than allowed; it is skipped. */
  oversize(header: FrameHeader, length: number): void;
}

/** Fills in the header of a frame whose payload has been written behind it. */
export function writeHeader(frame: Buffer, streamId: number, type: number): void {
  frame.writeUInt32BE(frame.length - headerBytes, 0);
  frame.writeUInt32BE(streamId, 4);
  frame[8] = type;
  frame[9] = 0;
}

/**
 * Cuts a byte stream into frames. A frame within one chunk is handed out without a copy, any other is
 * copied once, whatever the number of its pieces; never more than `limit` bytes are kept.
 */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #limit: number;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFill = 0;
  #current: FrameHeader = { streamId: 0, type: 0, flags: 0 };
  #body: Buffer | null = null;
  #bodyFill = 0;
  #skip = 0;

  constructor(sink: FrameSink, limit: number) {
    this.#sink = sink;
    this.#limit = limit;
  }

  /** Whether the bytes so far end inside a frame. */
  get isInsideFrame(): boolean {
    return this.#headerFill > 0 || this.#body !== null || this.#skip > 0;
  }

  push(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, chunk.length - position);
        this.#skip -= count;
        position += count;
      } else if (this.#body !== null) {
        position += this.#fillBody(this.#body, chunk, position);
      } else {
        position = this.#readHeader(chunk, position);
      }
    }
  }

  #fillBody(body: Buffer, chunk: Buffer, position: number): number {
    const count = chunk.copy(body, this.#bodyFill, position);
    this.#bodyFill += count;
    if (this.#bodyFill === body.length) {
      this.#body = null;
      this.#sink.frame(this.#current, body);
    }
    return count;
  }

  /** Reads a header, or a part of it, and the payload too if all of it is there; returns the new position. */
  #readHeader(chunk: Buffer, start: number): number {
    let header = chunk;
    let at = start;
    let position = start + headerBytes;
    if (this.#headerFill > 0 || position > chunk.length) {
      const count = chunk.copy(this.#header, this.#headerFill, start);
      this.#headerFill += count;
      if (this.#headerFill < headerBytes) return start + count;
      this.#headerFill = 0;
      header = this.#header;
      at = 0;
      position = start + count;
    }
    const length = header.readUInt32BE(at);
    this.#current = {
      streamId: header.readUInt32BE(at + 4),
      type: header.readUInt8(at + 8),
      flags: header.readUInt8(at + 9),
    };
    if (length > this.#limit) {
      this.#skip = length;
      this.#sink.oversize(this.#current, length);
      return position;
    }
    if (position + length <= chunk.length) {
      this.#sink.frame(this.#current, chunk.subarray(position, position + length));
      return position + length;
    }
    this.#body = Buffer.allocUnsafe(length);
    this.#bodyFill = 0;
    return position;
  }
}
