// A process of a container as the host addresses it: its streams by offset, its end kept until it is released.
import { VirtcontainersError } from '../base/errors.js';
import type { ProcessGroup, RuntimeProcess, TerminalSize } from './doors.js';
import { Input, type InputState } from './input.js';
import type { OomKills } from './oom-kills.js';
import { OutputBuffer, type OutputPiece, type OutputRange } from './output-buffer.js';

/** Output kept per stream until it is acknowledged, in bytes: more stops the container's writer, not the agent. */
const outputBufferBytes = 1024 * 1024;
/** Largest piece of output in one answer, in bytes: bigger ones would delay other calls. */
const outputPieceBytes = 256 * 1024;

/** How a process ended, with what its container knows of the cause. */
export interface ProcessStatus {
  readonly code: number;
  readonly signal: number;
  readonly oom: boolean;
}

/** What a process must know of its container. */
export interface ProcessContainer {
  readonly isInit: boolean;
  /** What `oomKills` counted before it was made. */
  readonly killsBefore: number;
  readonly oomKills: OomKills;
}

const SIGKILL = 9;

/** A process that has been made. */
export class Process implements ProcessGroup {
  readonly pid: number;
  /** Settles once it has ended; never rejects. */
  readonly ended: Promise<ProcessStatus>;
  #status: ProcessStatus | null = null;
  #killedByHost = false;
  readonly #process: RuntimeProcess;
  readonly #input: Input | null;
  readonly #stdout: OutputBuffer;
  readonly #stderr: OutputBuffer | null;

  constructor(process: RuntimeProcess, container: ProcessContainer) {
    const END_OF_TRANSMISSION = 4;
    this.#process = process;
    this.pid = process.pid;
    const endMark = process.terminal ? Uint8Array.of(END_OF_TRANSMISSION) : null;
    this.#input = process.stdin === null ? null : new Input(process.stdin, endMark);
    this.#stdout = new OutputBuffer(process.stdout, outputBufferBytes);
    this.#stderr =
      process.stderr === null ? null : new OutputBuffer(process.stderr, outputBufferBytes);
    this.ended = process.ended.then((end) => {
      const { isInit, killsBefore, oomKills } = container;
      const killedByHost = this.#killedByHost;
      const oom = oomKills.explains(end, { isInit, killsBefore, killedByHost });
      this.#status = { ...end, oom };
      return this.#status;
    });
  }

  /** Null while it runs. */
  get status(): ProcessStatus | null {
    return this.#status;
  }

  /** @param range a `maxBytes` of 0 means as many as an answer may have */
  readOutput(stream: 'stdout' | 'stderr', range: OutputRange): Promise<OutputPiece> {
    const buffer = stream === 'stdout' ? this.#stdout : this.#stderr;
    const maxBytes = Math.min(range.maxBytes || outputPieceBytes, outputPieceBytes);
    if (buffer === null) return Promise.resolve({ data: new Uint8Array(0), end: true });
    return buffer.read({ ...range, maxBytes });
  }

  writeInput(offset: number, data: Uint8Array, end: boolean): Promise<InputState> {
    if (this.#input !== null) return this.#input.write(offset, data, end);
    if (data.length === 0 && end) return Promise.resolve({ offset: 0, closed: false });
    const message = 'cannot write input: the process was made without one';
    return Promise.reject(new VirtcontainersError('invalid-state', message));
  }

  signal(signal: number): void {
    if (this.#status !== null) return;
    this.noteSignal(signal);
    this.#process.signal(signal);
  }

  /** Sends a signal to it and to all that came from it, also after its own end. */
  signalAll(signal: number): void {
    this.noteSignal(signal);
    this.#process.signalAll(signal);
  }

  /** Whether it or something that came from it is left. */
  hasAny(): boolean {
    return this.#process.hasAny();
  }

  /** Notes a signal that the host sends it in another way. */
  noteSignal(signal: number): void {
    if (signal === SIGKILL) this.#killedByHost = true;
  }

  resize(size: TerminalSize): void {
    if (!this.#process.terminal) {
      throw new VirtcontainersError('invalid-state', 'cannot resize terminal: there is none');
    }
    if (this.#status === null) this.#process.resize(size);
  }

  /** Drops its streams; later reads reject with `error`. Safe to repeat. */
  close(error: VirtcontainersError): void {
    this.#stdout.close(error);
    this.#stderr?.close(error);
    this.#process.close();
  }
}
