// `virtc run --format json`: standard error holds JSON lines and nothing else, so that no command can forge one.
import { isUtf8 } from 'node:buffer';
import { Writable } from 'node:stream';
import { type Logger, silentLogger } from '../../../base/log.js';
import { printable } from '../../../base/untrusted-text.js';
import type { ExitStatus } from '../../../model/exit-status.js';
import type { ProgressEvent, Timings } from '../../../model/progress.js';
import type { Warning } from '../../../model/warning.js';
import { toErrorEvent, toJsonLine } from '../json-lines.js';
import { exitCodeFor } from '../report.js';
import type { Settings } from '../settings.js';
import { levelLogger, maxLineLength, plainFields } from '../stderr-log.js';
import { toWarningEvent } from '../warnings.js';
import type { RunReport } from './run-report.js';

/** A line an event; the last one is a `result` or an `error`. */
export class JsonReport implements RunReport {
  readonly logger: Logger;
  readonly stderr: WrappedStderr;
  readonly #write: (line: string) => void;
  readonly #id: string;
  readonly #showsProgress: boolean;
  #exit: ExitStatus | null = null;
  #timedOut = false;
  #timings: Timings = [];

  constructor(options: {
    readonly id: string;
    readonly stderr: Writable;
    readonly settings: Settings;
  }) {
    const { stderr, settings } = options;
    this.#id = options.id;
    this.#write = (line) => void stderr.write(line);
    this.#showsProgress = settings.progress !== 'none';
    this.stderr = new WrappedStderr(stderr);
    const { log } = settings;
    this.logger =
      log === 'off'
        ? silentLogger
        : levelLogger(log, (level, fields, message) => {
            const text = printable(message, maxLineLength);
            this.#event('log', { level, message: text, fields: plainFields(fields) });
          });
  }

  progress({ step, phase, containerId, durationMs }: ProgressEvent): void {
    if (!this.#showsProgress) return;
    this.#event('progress', { step, phase, containerId, durationMs });
  }

  warned(warning: Warning): void {
    this.#write(toJsonLine(toWarningEvent(warning)));
  }

  started(): void {
    this.#event('started', { id: this.#id });
  }

  timedOut(limit: string): void {
    this.#timedOut = true;
    this.#event('timeout', { limit });
  }

  ended(status: ExitStatus): void {
    this.#exit = status;
  }

  /** The status says so. */
  outOfMemory(): void {}

  timings(timings: Timings): void {
    this.#timings = timings;
  }

  finished(exitCode: number): void {
    this.stderr.close();
    this.#event('result', {
      id: this.#id,
      exitCode,
      exit: this.#exit,
      timedOut: this.#timedOut,
      timings: this.#timings,
    });
  }

  failed(error: unknown): number {
    this.stderr.close();
    const code = exitCodeFor(error);
    this.#write(toJsonLine(toErrorEvent(error, code)));
    return code;
  }

  #event(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#write(toJsonLine({ event, ...fields }));
  }
}

/** The command's standard error as events: `text`, or `base64` where it is not UTF-8, so that it is exact. */
class WrappedStderr extends Writable {
  readonly #target: Writable;
  // The first bytes of a character whose others have not come yet.
  #begun = Buffer.alloc(0);
  #closed = false;

  constructor(target: Writable) {
    super();
    this.#target = target;
    // Whoever pipes into it hears of a failure; afterwards nobody needs to.
    this.on('error', () => {});
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#closed) {
      done();
      return;
    }
    const bytes = Buffer.concat([this.#begun, chunk]);
    const end = bytes.length - unfinishedLength(bytes);
    this.#begun = bytes.subarray(end);
    const whole = bytes.subarray(0, end);
    if (whole.length === 0) done();
    else this.#target.write(toStderrLine(whole), done);
  }

  /** Nothing more comes: what a run that was broken off has not written yet is dropped, so that its end is the last line. */
  close(): void {
    this.#closed = true;
    if (this.#begun.length > 0) this.#target.write(toStderrLine(this.#begun));
  }
}

function toStderrLine(bytes: Buffer): string {
  const data = isUtf8(bytes) ? { text: bytes.toString() } : { base64: bytes.toString('base64') };
  return toJsonLine({ event: 'stderr', ...data });
}

/** How many bytes at the end are the beginning of a UTF-8 character. */
function unfinishedLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? back : 0;
  }
  return 0;
}
