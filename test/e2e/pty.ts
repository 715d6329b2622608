// A real pseudo-terminal on the host, as a person's terminal window has it.
import { closeSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import koffi from 'koffi';
import { getTerminalMode, setTerminalSize } from '../../src/base/native/terminal.js';

const openpty = koffi
  .load('libc.so.6')
  .func('int openpty(_Out_ int *, _Out_ int *, void *, void *, void *)');

/** The master's side, with all that was shown on it. */
export class Pty {
  /** To be given to a program as its standard streams. */
  readonly slave: number;
  readonly #master: number;
  readonly #reader: ReadStream;
  #shown = '';

  constructor(size: { readonly columns: number; readonly rows: number }) {
    const [master, slave] = [[0], [0]];
    if (openpty(master, slave, null, null, null) !== 0) throw new Error('openpty failed');
    this.#master = Number(master[0]);
    this.slave = Number(slave[0]);
    this.resize(size);
    this.#reader = new ReadStream(this.#master);
    this.#reader.on('data', (chunk) => {
      this.#shown += chunk.toString('utf8');
    });
    // EIO: no program has the slave open any more.
    this.#reader.on('error', () => {});
  }

  /** All that was shown so far. */
  get shown(): string {
    return this.#shown;
  }

  type(keys: string): void {
    writeSync(this.#master, keys);
  }

  /** Changes the size; the kernel tells the foreground programs by SIGWINCH. */
  resize(size: { readonly columns: number; readonly rows: number }): void {
    setTerminalSize(this.#master, size);
  }

  /** The terminal's mode as bytes, to be compared. */
  mode(): string {
    return Buffer.from(getTerminalMode(this.slave)).toString('hex');
  }

  close(): void {
    this.#reader.destroy();
    closeSync(this.slave);
  }
}
