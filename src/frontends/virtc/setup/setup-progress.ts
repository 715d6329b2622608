// What a person sees of a setup: one line per finished step, and on a terminal what goes on right now.
import type { SetupEvent } from '../../../../guest-image/build.js';
import { printable } from '../../../base/untrusted-text.js';
import type { ProgressLine } from '../progress-line.js';

/** Longest message, in characters. */
const maxMessageLength = 4096;

/** Prints the events of a setup. */
export class SetupProgress {
  readonly #line: ProgressLine;
  readonly #write: (text: string) => void;

  constructor(line: ProgressLine, write: (text: string) => void) {
    this.#line = line;
    this.#write = write;
  }

  tell(event: SetupEvent): void {
    const message = printable(event.message, maxMessageLength);
    if (event.phase !== 'end') {
      this.#line.show(`${message}…`);
      // Without a terminal the beginning is all that shows that something goes on.
      if (!this.#line.enabled) this.#write(`${message}\n`);
      return;
    }
    if (!this.#line.enabled) return;
    this.#line.clear();
    this.#write(`${message} (${((event.durationMs ?? 0) / 1000).toFixed(1)} s)\n`);
  }
}
