// Reads a log of two files record by record, also while it is written and its files change places.
import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf } from '../../base/errors.js';
import { logFiles } from './bounded-log.js';
import { type LogRecord, parseRecord } from './log-record.js';

const readBytes = 64 * 1024;
/** A record is at most 4 KiB of a stream, each byte four characters, and its head. */
const maxRecordLength = 32 * 1024;

/** From the oldest record on; `more` gives what has come since it was asked last. */
export class LogReader {
  readonly #current: string;
  readonly #files: FileHandle[];
  readonly #buffer = Buffer.alloc(readBytes);
  #rest = '';

  private constructor(current: string, files: FileHandle[]) {
    this.#current = current;
    this.#files = files;
  }

  /** Null where there is no such log. */
  static async open(directory: string, name: string): Promise<LogReader | null> {
    const [older, current] = logFiles(directory, name);
    const newest = await openIfThere(current);
    const oldest = await openIfThere(older);
    const files = [oldest, newest].filter((file) => file !== null);
    const reader = new LogReader(current, files);
    // They may have changed places in between: then it is one file.
    if (oldest !== null && newest !== null && (await isSame(oldest, newest))) {
      files.pop();
      await newest.close();
    }
    return files.length === 0 ? null : reader;
  }

  /** What is there and was not given yet; what is damaged is passed over. */
  async *more(): AsyncGenerator<LogRecord, void, undefined> {
    for (;;) {
      const [file] = this.#files;
      if (file === undefined) return;
      const { bytesRead } = await file.read(this.#buffer, 0, readBytes, null);
      if (bytesRead > 0) {
        yield* this.#records(this.#buffer.toString('latin1', 0, bytesRead));
        continue;
      }
      if (!(await this.#next(file))) return;
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files.splice(0)) await file.close();
  }

  *#records(text: string): Generator<LogRecord, void, undefined> {
    const lines = (this.#rest + text).split('\n');
    const rest = lines.pop() ?? '';
    // Longer than any record: it is none, and its end will not make it one.
    this.#rest = rest.length <= maxRecordLength ? rest : '';
    for (const line of lines) {
      const record = parseRecord(line);
      if (record !== null) yield record;
    }
  }

  /** Goes on to the next file, where this one will not grow any more. */
  async #next(file: FileHandle): Promise<boolean> {
    if (this.#files.length === 1) {
      const newest = await openIfThere(this.#current);
      if (newest === null) return false;
      if (await isSame(file, newest)) {
        await newest.close();
        return false;
      }
      this.#files.push(newest);
      // Once more, for what was written between the last read and the change of places.
      return true;
    }
    this.#files.shift();
    this.#rest = '';
    await file.close();
    return true;
  }
}

async function openIfThere(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function isSame(one: FileHandle, other: FileHandle): Promise<boolean> {
  const [a, b] = await Promise.all([one.stat(), other.stat()]);
  return a.ino === b.ino && a.dev === b.dev;
}
