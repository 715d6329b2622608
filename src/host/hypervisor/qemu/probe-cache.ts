// Remembers a probe's result in a file, so that it does not cost each start.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isObject } from './qmp-decoder.js';

export interface ProbeCacheOptions {
  readonly file: string;
  /** A result counts only under the key it was stored with. */
  readonly key: string;
  /** How long a no counts, in milliseconds; a yes counts as long as the key does. */
  readonly refusalLifeMs: number;
}

/** Holds one answer: null for yes, else why not. */
export class ProbeCache {
  readonly #options: ProbeCacheOptions;

  constructor(options: ProbeCacheOptions) {
    this.#options = options;
  }

  /** The stored answer, else that of `probe`. A cache that cannot be read or written is no reason to fail. */
  async remember(probe: () => Promise<string | null>): Promise<string | null> {
    const stored = await this.#load();
    if (stored !== undefined) return stored;
    const answer = await probe();
    await this.#save(answer).catch(() => {});
    return answer;
  }

  /** As `remember`, but what `probe` says is not stored. */
  async recall(probe: () => Promise<string | null>): Promise<string | null> {
    const stored = await this.#load();
    return stored === undefined ? probe() : stored;
  }

  async #load(): Promise<string | null | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#options.file, 'utf8'));
      if (!isObject(value) || value['key'] !== this.#options.key) return undefined;
      const { answer, time } = value;
      if (answer === null) return null;
      const ageMs = Date.now() - Number(time);
      const counts = ageMs >= 0 && ageMs < this.#options.refusalLifeMs;
      return typeof answer === 'string' && counts ? answer : undefined;
    } catch {
      return undefined;
    }
  }

  async #save(answer: string | null): Promise<void> {
    const { file, key } = this.#options;
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid}`;
    try {
      await writeFile(temporary, JSON.stringify({ key, answer, time: Date.now() }), {
        mode: 0o600,
      });
      await rename(temporary, file);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}
