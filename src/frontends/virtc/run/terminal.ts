// The terminal that `virtc run -t` runs in: raw mode, its size, and its old mode on every way out.
import type { TerminalSize } from '../../../model/container-config.js';

/** Reads and sets a terminal's mode: the kernel's `struct termios` as bytes. */
export interface TerminalModes {
  get(fd: number): Uint8Array;
  set(fd: number, mode: Uint8Array): void;
}

/** What is needed of the process around: `process`, or a fake. */
export interface TerminalHost {
  readonly stdin: { readonly isTTY?: boolean | undefined; readonly fd: number };
  readonly stdout: SizedStream;
  readonly stderr: SizedStream;
  on(event: 'exit' | 'SIGWINCH', listener: () => void): unknown;
  off(event: 'exit' | 'SIGWINCH', listener: () => void): unknown;
}

interface SizedStream {
  readonly isTTY?: boolean | undefined;
  getWindowSize?(): [number, number];
}

/** The size that a terminal has where nothing tells. */
const fallbackSize: TerminalSize = { columns: 80, rows: 24 };

/** The user's terminal. */
export class Terminal {
  readonly #host: TerminalHost;
  readonly #modes: TerminalModes;
  readonly #restore = (): void => this.restore();
  #savedMode: Uint8Array | undefined;

  constructor(host: TerminalHost, modes: TerminalModes) {
    this.#host = host;
    this.#modes = modes;
  }

  /** Whether standard input is a terminal. */
  get hasInput(): boolean {
    return this.#host.stdin.isTTY === true;
  }

  size(): TerminalSize {
    for (const stream of [this.#host.stdout, this.#host.stderr]) {
      if (stream.isTTY !== true) continue;
      const [columns, rows] = stream.getWindowSize?.() ?? [0, 0];
      // Terminals that nobody has set a size for say 0 by 0.
      if (columns > 0 && rows > 0) return { columns, rows };
    }
    return fallbackSize;
  }

  /** Calls back when the size may have changed. @returns stops it */
  onResize(listener: () => void): () => void {
    this.#host.on('SIGWINCH', listener);
    return () => this.#host.off('SIGWINCH', listener);
  }

  /** Passes every key on as it is; Node's own raw mode would still turn \n into \r\n on output. */
  enterRawMode(): void {
    if (this.#savedMode !== undefined || !this.hasInput) return;
    const { fd } = this.#host.stdin;
    const mode = this.#modes.get(fd);
    this.#savedMode = mode;
    this.#host.on('exit', this.#restore);
    this.#modes.set(fd, toRawMode(mode));
  }

  /** Puts the mode back that it had before; safe to repeat. */
  restore(): void {
    if (this.#savedMode === undefined) return;
    const mode = this.#savedMode;
    this.#savedMode = undefined;
    this.#host.off('exit', this.#restore);
    try {
      this.#modes.set(this.#host.stdin.fd, mode);
    } catch {
      // The terminal is gone: there is nothing left to restore.
    }
  }
}

// Of include/uapi/asm-generic/termbits.h; the flags lie in four 32-bit words, the control characters after 17 bytes.
const IGNBRK_to_ICRNL = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400;
const IXON = 0o2000;
const OPOST = 0o1;
const CSIZE_PARENB = 0o60 | 0o400;
const CS8 = 0o60;
const ECHO_ECHONL_ICANON_ISIG_IEXTEN = 0o10 | 0o100 | 0o2 | 0o1 | 0o100000;
const controlCharacters = 17;
const VTIME = controlCharacters + 5;
const VMIN = controlCharacters + 6;

/** The mode that cfmakeraw(3) makes of another one. */
export function toRawMode(mode: Uint8Array): Uint8Array {
  const raw = Buffer.from(mode);
  const clear = (offset: number, bits: number): void => {
    raw.writeUInt32LE((raw.readUInt32LE(offset) & ~bits) >>> 0, offset);
  };
  clear(0, IGNBRK_to_ICRNL | IXON);
  clear(4, OPOST);
  clear(8, CSIZE_PARENB);
  raw.writeUInt32LE((raw.readUInt32LE(8) | CS8) >>> 0, 8);
  clear(12, ECHO_ECHONL_ICANON_ISIG_IEXTEN);
  raw[VTIME] = 0;
  raw[VMIN] = 1;
  return raw;
}
