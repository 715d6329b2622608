// The agent's ends of a process's streams: pipes or a terminal, read without waiting and without copies in between.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { makePipe } from '../../base/native/pipes.js';
import { setTerminalSize } from '../../base/native/terminal.js';
import { type ByteSource, sourceChunkBytes, type TerminalSize } from '../doors.js';

// One for all: each read is handed on before the next one begins.
const chunkBuffer = Buffer.alloc(sourceChunkBytes);

/** A process's streams. */
export interface Streams {
  readonly stdin: Writable | null;
  readonly stdout: ByteSource;
  readonly stderr: ByteSource | null;
  readonly terminal: boolean;
  resize(size: TerminalSize): void;
  /** Safe to repeat. */
  close(): void;
}

/** Pipes for a process that is to be made: they are real ones, for a container can open `/dev/stderr` anew. */
export class Pipes {
  /** The process's ends, in the order of its descriptors. */
  readonly stdio: readonly [number, number, number];
  readonly #near: readonly number[];
  readonly #far: readonly number[];
  readonly #stdin: number | null;
  #farOpen = true;
  #nearOpen = true;

  /** @param nullFd what the process reads where it has no input */
  constructor(hasInput: boolean, nullFd: number) {
    const [stdout, stderr, stdin] = makePipes(hasInput);
    this.#stdin = stdin?.writeFd ?? null;
    this.stdio = [stdin?.readFd ?? nullFd, stdout.writeFd, stderr.writeFd];
    this.#far = stdin === undefined ? this.stdio.slice(1) : this.stdio;
    this.#near = [stdout.readFd, stderr.readFd];
  }

  /** Closes the process's ends, as must be done once it has them: the end of its output shows only then. */
  closeFarEnds(): void {
    if (this.#farOpen) for (const fd of this.#far) closeSync(fd);
    this.#farOpen = false;
  }

  /** Makes streams of the near ends, which belong to them from here on. */
  open(): Streams {
    this.#nearOpen = false;
    const [stdoutFd = -1, stderrFd = -1] = this.#near;
    const stdin =
      this.#stdin === null
        ? null
        : new Socket({ fd: this.#stdin, readable: false, writable: true });
    const stdout = new DescriptorSource((onread) => openPipe(stdoutFd, onread));
    const stderr = new DescriptorSource((onread) => openPipe(stderrFd, onread));
    const close = (): void => {
      stdin?.destroy();
      stdout.close();
      stderr.close();
    };
    return { stdin, stdout, stderr, terminal: false, resize: () => {}, close };
  }

  /** Closes what has not become streams. Safe to repeat. */
  close(): void {
    this.closeFarEnds();
    if (!this.#nearOpen) return;
    this.#nearOpen = false;
    for (const fd of this.#near) closeSync(fd);
    if (this.#stdin !== null) closeSync(this.#stdin);
  }
}

type Pipe = ReturnType<typeof makePipe>;

/** Two pipes or three: all of them or none. */
function makePipes(hasInput: boolean): readonly [Pipe, Pipe, Pipe?] {
  const made: Pipe[] = [];
  const add = (): Pipe => {
    const pipe = makePipe();
    made.push(pipe);
    return pipe;
  };
  try {
    return hasInput ? [add(), add(), add()] : [add(), add()];
  } catch (error) {
    for (const fd of made.flatMap((pipe) => [pipe.readFd, pipe.writeFd])) closeSync(fd);
    throw error;
  }
}

/** The streams of a terminal, of whose master they take possession. */
export function openTerminal(masterFd: number, hasInput: boolean): Streams {
  // The type of its options leaves out what it hands on to the socket that it is.
  const stdout = new DescriptorSource((onread) => new ReadStream(masterFd, { onread } as never));
  const { socket } = stdout;
  return {
    stdin: hasInput ? socket : null,
    stdout,
    stderr: null,
    terminal: true,
    resize: (size) => {
      if (!socket.destroyed) setTerminalSize(masterFd, size);
    },
    close: () => stdout.close(),
  };
}

type OnRead = { buffer: Uint8Array; callback: (bytes: number, buffer: Uint8Array) => boolean };

function openPipe(fd: number, onread: OnRead): Socket {
  return new Socket({ fd, readable: true, writable: false, onread } as never);
}

/** Reads a descriptor into one shared buffer; a paused one leaves everything in the kernel. */
class DescriptorSource implements ByteSource {
  readonly socket: Socket;
  #receive: (chunk: Uint8Array) => void = () => {};
  #end: (() => void) | null = null;
  #ended = false;
  #closed = false;

  constructor(open: (onread: OnRead) => Socket) {
    this.socket = open({
      buffer: chunkBuffer,
      callback: (bytes, buffer) => {
        if (!this.#closed) this.#receive(buffer.subarray(0, bytes));
        return true;
      },
    });
    this.socket.pause();
    // The master of a terminal says EIO where its last user has closed it.
    for (const event of ['end', 'close', 'error']) this.socket.on(event, () => this.#finish());
  }

  start(receive: (chunk: Uint8Array) => void, end: () => void): void {
    this.#receive = receive;
    this.#end = end;
    if (this.#ended) end();
    else this.socket.resume();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    this.#closed = true;
    this.socket.destroy();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#closed) this.#end?.();
  }
}
