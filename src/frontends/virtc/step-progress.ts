// What a person sees of the steps of a pod or a template: one line of progress, or a line for each step.
import type { Progress } from '../../config.js';
import type { ProgressEvent } from '../../model/progress.js';
import { ProgressLine, type ProgressStream } from './progress-line.js';

const stepTexts: Readonly<Partial<Record<ProgressEvent['step'], string>>> = {
  template: 'preparing the template of virtual machines',
  'vm-spawn': 'starting the virtual machine',
  'vm-boot': 'booting the virtual machine',
  resize: 'growing the virtual machine',
  'container-create': 'creating the container',
  'container-start': 'starting the container',
};

/** Shows steps on a stream, as `--progress` has it. */
export class StepProgress {
  readonly #stream: ProgressStream;
  readonly #mode: Progress;
  readonly #line: ProgressLine;

  constructor(
    stream: ProgressStream,
    environment: { readonly TERM?: string | undefined },
    mode: Progress,
  ) {
    this.#stream = stream;
    this.#mode = mode;
    this.#line = new ProgressLine(stream, environment, mode);
  }

  tell({ step, phase }: ProgressEvent): void {
    const text = stepTexts[step];
    if (phase !== 'begin' || text === undefined) return;
    this.#line.show(`${text}…`);
    if (this.#mode === 'plain') this.#stream.write(`${text}\n`);
  }

  /** Erases the line, so that something else can be written; it may come again. */
  clear(): void {
    this.#line.clear();
  }

  /** Erases the line for good. */
  close(): void {
    this.#line.close();
  }
}
