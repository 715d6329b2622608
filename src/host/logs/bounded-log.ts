// A log on disk, of one stream or several, that never grows beyond two files and never makes its writer wait.
import type { FileHandle } from 'node:fs/promises';
import { open, rename } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from '../../base/deadline.js';
import { makeDirectory } from '../../base/make-directory.js';
import { logFileBytes } from '../../model/limits.js';
import { formatRecord } from './log-record.js';

export interface BoundedLogOptions {
  /** Made if it is missing, 0700. */
  readonly directory: string;
  /** Without suffix: `console` gives `console.log` and `console.log.1`. */
  readonly name: string;
  /** Size at which the file becomes the old one, in bytes; default `logFileBytes`. */
  readonly fileBytes?: number;
  /** What waits for a slow disk at most, in bytes; more is dropped and noted. Default 1 MiB. */
  readonly maxPendingBytes?: number;
}

/** Longest record, in bytes of the stream: a stream without line ends is cut here. */
const maxRecordBytes = 4096;
/** How long the beginning of a line waits for its end, in milliseconds. */
const lineWaitMs = 250;
/** How long closing waits for a slow disk, in milliseconds. */
const closeWaitMs = 2000;

/** The two files of a log, the older first. */
export function logFiles(directory: string, name: string): readonly [string, string] {
  const current = path.join(directory, `${name}.log`);
  return [`${current}.1`, current];
}

interface PendingRecord {
  /** ASCII: its characters are bytes. */
  readonly text: string;
  /** How much of the stream it holds. */
  readonly streamBytes: number;
}

/** The line of a stream that has begun, and where in the stream it will end. */
interface StreamState {
  readonly name: string;
  line: Uint8Array[];
  lineBytes: number;
  timer: NodeJS.Timeout | undefined;
  offset: number;
}

/** Takes bytes; writes them as records in the background, in order. */
export class BoundedLog {
  readonly #options: Required<BoundedLogOptions>;
  #file: FileHandle | undefined;
  #fileSize = 0;
  readonly #streams = new Map<string, StreamState>();
  readonly #pending: PendingRecord[] = [];
  #endsInBrokenRecord = false;
  #pendingBytes = 0;
  #droppedBytes = 0;
  #failure: Error | undefined;
  #writing: Promise<void> | undefined;
  #closed = false;

  private constructor(options: BoundedLogOptions) {
    this.#options = { fileBytes: logFileBytes, maxPendingBytes: 1024 * 1024, ...options };
  }

  /** Opens a log for appending. */
  static async open(options: BoundedLogOptions): Promise<BoundedLog> {
    const log = new BoundedLog(options);
    makeDirectory(options.directory, 0o700);
    log.#file = await log.#openFile();
    return log;
  }

  /** The last failure to write, if there was one: a full disk loses records, not the VM. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Takes a stream's next bytes; never waits, never throws. @param stream default: the log's name */
  write(chunk: Uint8Array, stream: string = this.#options.name): void {
    if (this.#closed) return;
    const state = this.#stateOf(stream);
    let rest = chunk;
    while (rest.length > 0) {
      const lineEnd = rest.indexOf(0x0a) + 1;
      const room = maxRecordBytes - state.lineBytes;
      const length = Math.min(lineEnd === 0 ? rest.length : lineEnd, room);
      state.line.push(Uint8Array.prototype.slice.call(rest, 0, length));
      state.lineBytes += length;
      rest = rest.subarray(length);
      if (length === lineEnd || length === room) this.#endLine(state);
    }
    if (state.lineBytes > 0) {
      state.timer ??= setTimeout(() => this.#endLine(state), lineWaitMs).unref();
    }
  }

  /** Writes out what waits, as far as the disk is quick enough, and closes the file. Safe to repeat. */
  async close(): Promise<void> {
    for (const state of this.#streams.values()) this.#endLine(state);
    if (this.#droppedBytes > 0) this.#queueNote();
    this.#closed = true;
    const written = Promise.resolve(this.#writing).then(async () => {
      await this.#file?.close();
      this.#file = undefined;
    });
    await waitFor(written, { timeoutMs: closeWaitMs, what: 'cannot close a log' }).catch(() => {});
  }

  #stateOf(name: string): StreamState {
    let state = this.#streams.get(name);
    if (state === undefined) {
      state = { name, line: [], lineBytes: 0, timer: undefined, offset: 0 };
      this.#streams.set(name, state);
    }
    return state;
  }

  #endLine(state: StreamState): void {
    clearTimeout(state.timer);
    state.timer = undefined;
    if (state.lineBytes === 0) return;
    const bytes = Buffer.concat(state.line);
    state.line = [];
    state.lineBytes = 0;
    const { name: stream, offset } = state;
    state.offset += bytes.length;
    if (this.#pendingBytes >= this.#options.maxPendingBytes) {
      this.#droppedBytes += bytes.length;
      return;
    }
    if (this.#droppedBytes > 0) this.#queueNote(offset);
    const text = formatRecord({ time: new Date(), stream, offset, bytes });
    this.#queue({ text, streamBytes: bytes.length });
  }

  /** @param offset where the stream goes on */
  #queueNote(offset = 0): void {
    const note = `${this.#droppedBytes} bytes were dropped: the disk was too slow or full`;
    this.#droppedBytes = 0;
    const bytes = Buffer.from(note);
    const text = formatRecord({ time: new Date(), stream: 'note', offset, bytes });
    this.#queue({ text, streamBytes: 0 });
  }

  #queue(record: PendingRecord): void {
    this.#pending.push(record);
    this.#pendingBytes += record.text.length;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      const text = batch.map((record) => record.text).join('');
      try {
        await this.#append(text);
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        for (const { streamBytes } of batch) this.#droppedBytes += streamBytes;
        this.#endsInBrokenRecord = true;
        await this.#file?.close().catch(() => {});
        this.#file = undefined;
      }
      this.#pendingBytes -= text.length;
    }
  }

  /** Whole records that fit the file together, so that the bound holds to a record. */
  #takeBatch(): readonly PendingRecord[] {
    const room = this.#options.fileBytes - this.#fileSize;
    let length = 0;
    const tooFar = this.#pending.findIndex((record) => {
      length += record.text.length;
      return length > room;
    });
    return this.#pending.splice(0, tooFar < 0 ? this.#pending.length : Math.max(tooFar, 1));
  }

  async #append(text: string): Promise<void> {
    if (this.#fileSize > 0 && this.#fileSize + text.length > this.#options.fileBytes) {
      await this.#rotate();
    }
    this.#file ??= await this.#openFile();
    const whole = this.#endsInBrokenRecord ? `\n${text}` : text;
    await this.#file.appendFile(whole, 'latin1');
    this.#endsInBrokenRecord = false;
    this.#fileSize += whole.length;
  }

  async #rotate(): Promise<void> {
    const [older, current] = logFiles(this.#options.directory, this.#options.name);
    await this.#file?.close();
    this.#file = undefined;
    await rename(current, older);
  }

  async #openFile(): Promise<FileHandle> {
    const [, current] = logFiles(this.#options.directory, this.#options.name);
    const file = await open(current, 'a', 0o600);
    this.#fileSize = (await file.stat()).size;
    return file;
  }
}
