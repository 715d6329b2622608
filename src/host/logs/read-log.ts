// Reads the end of a log of two files.
import { open } from 'node:fs/promises';
import { errnoOf } from '../../base/errors.js';
import { logFiles } from './bounded-log.js';
import { type LogRecord, parseRecord } from './log-record.js';

/**
 * The last records of a log, oldest first.
 * @param maxBytes how much of the files is read at most; what is cut by that or by a crash is left out
 */
export async function readLogTail(options: {
  readonly directory: string;
  readonly name: string;
  readonly maxBytes: number;
}): Promise<readonly LogRecord[]> {
  const [older, current] = logFiles(options.directory, options.name);
  const end = await readEnd(current, options.maxBytes);
  const rest = options.maxBytes - end.length;
  const beginning = rest > 0 ? await readEnd(older, rest) : Buffer.alloc(0);
  return Buffer.concat([beginning, end])
    .toString('latin1')
    .split('\n')
    .map(parseRecord)
    .filter((record) => record !== null);
}

async function readEnd(file: string, maxBytes: number): Promise<Buffer> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, maxBytes);
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(length),
        0,
        length,
        size - length,
      );
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
