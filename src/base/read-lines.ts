// Reads a stream line by line, none longer than a bound.
import type { Readable } from 'node:stream';

/**
 * Gives each line without its end; what follows the last one is none.
 * @throws Error for a line that is longer than `maxBytes`, and what the stream fails with
 */
export async function* readLines(
  stream: Readable,
  maxBytes: number,
): AsyncGenerator<string, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...parts, rest.subarray(0, end)]);
      if (line.length > maxBytes) throw tooLong(maxBytes);
      yield line.toString('utf8');
      parts = [];
      length = 0;
      rest = rest.subarray(end + 1);
    }
    parts.push(rest);
    length += rest.length;
    if (length > maxBytes) throw tooLong(maxBytes);
  }
  return undefined;
}

function tooLong(maxBytes: number): Error {
  return new Error(`a line has more than ${maxBytes} bytes`);
}
