// What `virtc run` says beside the command's own output: for people, or as JSON lines for programs.
import type { Writable } from 'node:stream';
import { VirtcontainersError } from '../../../base/errors.js';
import type { Logger } from '../../../base/log.js';
import type { ExitStatus } from '../../../model/exit-status.js';
import type { ProgressEvent, Timings } from '../../../model/progress.js';
import type { Warning } from '../../../model/warning.js';
import type { Paint } from '../paint.js';
import type { ProgressStream } from '../progress-line.js';
import { describeError, exitCodeFor } from '../report.js';
import type { Settings } from '../settings.js';
import { stderrLogger } from '../stderr-log.js';
import { StepProgress } from '../step-progress.js';
import { toWarningLine } from '../warnings.js';

/** Told of all that happens in a run, in its order. */
export interface RunReport {
  /** Where the library's log goes. */
  readonly logger: Logger;
  /** Where the command's standard error goes. */
  readonly stderr: Writable;
  progress(event: ProgressEvent): void;
  /** Something went wrong and was got over. */
  warned(warning: Warning): void;
  /** The command runs: its output may begin. */
  started(): void;
  /** @param limit as it was given, for example `30s` */
  timedOut(limit: string): void;
  ended(status: ExitStatus): void;
  /** The kernel has killed the command for want of memory; all its output has been passed on. */
  outOfMemory(): void;
  timings(timings: Timings): void;
  /** Nothing is left of the pod. @param code that virtc ends with */
  finished(code: number): void;
  /** @returns the code that virtc ends with */
  failed(error: unknown): number;
}

export interface RunReportOptions {
  readonly stderr: Writable & ProgressStream;
  readonly environment: { readonly TERM?: string | undefined };
  readonly settings: Settings;
  readonly paint: Paint;
  readonly debug: boolean;
  /** Whether the command shares our terminal: its last line may have no end. */
  readonly sharesTerminal: boolean;
}

const outOfMemory = new VirtcontainersError(
  'unavailable',
  'the command was killed: it needed more memory than it may have',
  { hint: 'give it more with --memory' },
);

/** For people: one line of progress or one for each step, errors with their hints. */
export class TextReport implements RunReport {
  readonly logger: Logger;
  readonly stderr: Writable;
  readonly #options: RunReportOptions;
  readonly #steps: StepProgress;
  #isRunning = false;

  constructor(options: RunReportOptions) {
    const { stderr, environment, settings, debug } = options;
    this.#options = options;
    this.stderr = stderr;
    // Log lines would tear it.
    const mode = debug && settings.progress === 'auto' ? 'none' : settings.progress;
    this.#steps = new StepProgress(stderr, environment, mode);
    this.logger = stderrLogger(settings.log, (line) => void stderr.write(line));
  }

  progress(event: ProgressEvent): void {
    this.#steps.tell(event);
  }

  warned(warning: Warning): void {
    this.#steps.clear();
    this.stderr.write(toWarningLine(warning, this.#options.paint));
  }

  started(): void {
    this.#isRunning = true;
    this.#steps.close();
  }

  timedOut(limit: string): void {
    const text = `the command has run for ${limit} (--timeout) and is ended`;
    this.#describe(text, false);
  }

  ended(): void {}

  outOfMemory(): void {
    this.#describe(outOfMemory, false);
  }

  timings(timings: Timings): void {
    if (this.#options.debug) this.stderr.write(formatTimings(timings));
  }

  finished(): void {
    this.#steps.close();
  }

  failed(error: unknown): number {
    this.#steps.close();
    if (this.#isRunning && this.#options.sharesTerminal) this.stderr.write('\n');
    this.#describe(error, this.#options.debug);
    return exitCodeFor(error);
  }

  #describe(error: unknown, debug: boolean): void {
    this.stderr.write(describeError(error, { debug, paint: this.#options.paint }));
  }
}

function formatTimings(timings: Timings): string {
  const lines = timings.map(
    ({ step, durationMs }) => `timing ${step.padEnd(16)} ${durationMs.toFixed(1).padStart(9)} ms\n`,
  );
  const total = timings.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return `${lines.join('')}timing ${'total'.padEnd(16)} ${total.toFixed(1).padStart(9)} ms\n`;
}
