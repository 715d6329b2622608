// A readable stream as the agent reads a process's output.
import type { Readable } from 'node:stream';
import { type ByteSource, sourceChunkBytes } from '../guest/doors.js';

/** Delivers what a stream holds, in chunks of the size that a pipe would give. */
export function toByteSource(stream: Readable): ByteSource {
  let closed = false;
  return {
    start: (receive, end) => {
      stream.on('data', (chunk: Buffer) => {
        if (!closed) receive(chunk.subarray(0, sourceChunkBytes));
        // Last: a stream that flows delivers it at once.
        if (chunk.length > sourceChunkBytes) stream.unshift(chunk.subarray(sourceChunkBytes));
      });
      let ended = false;
      for (const event of ['end', 'close']) {
        stream.on(event, () => {
          if (!ended && !closed) end();
          ended = true;
        });
      }
    },
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    close: () => {
      closed = true;
      stream.destroy();
    },
  };
}
