// One line on a terminal that says what is slow right now, and is gone before anything else is written.

/** The part of a terminal's stream that a progress line needs. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

// Shorter steps would only flicker.
const delayMs = 300;
const eraseLine = '\r\u001b[K';

/** Shows texts one after the other on the same line; does nothing where the stream is no terminal. */
export class ProgressLine {
  readonly #stream: ProgressStream;
  /** Whether there is a terminal to show it on. */
  readonly enabled: boolean;
  #timer: NodeJS.Timeout | undefined;
  #shown = false;
  #closed = false;

  /** @param mode `auto` shows it where there is a terminal, the others never */
  constructor(
    stream: ProgressStream,
    environment: { readonly TERM?: string | undefined },
    mode: 'auto' | 'plain' | 'none' = 'auto',
  ) {
    this.#stream = stream;
    this.enabled = mode === 'auto' && stream.isTTY === true && environment.TERM !== 'dumb';
  }

  /** Says what is being done, once it has taken a moment. */
  show(text: string): void {
    if (!this.enabled || this.#closed) return;
    clearTimeout(this.#timer);
    if (this.#shown) {
      this.#draw(text);
      return;
    }
    this.#timer = setTimeout(() => this.#draw(text), delayMs);
    this.#timer.unref();
  }

  /** Erases the line; it may be shown again. */
  clear(): void {
    clearTimeout(this.#timer);
    if (!this.#shown) return;
    this.#shown = false;
    this.#stream.write(eraseLine);
  }

  /** Erases the line for good. */
  close(): void {
    this.clear();
    this.#closed = true;
  }

  #draw(text: string): void {
    this.#shown = true;
    const columns = this.#stream.columns ?? 80;
    this.#stream.write(`${eraseLine}${text.slice(0, Math.max(columns - 1, 1))}`);
  }
}
