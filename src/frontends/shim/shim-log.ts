// The shim's own log: a file among its pod's logs, bounded, which is opened when the pod is there.
import type { Logger } from '../../base/log.js';
import { printable } from '../../base/untrusted-text.js';
import { BoundedLog } from '../../host/logs/bounded-log.js';

type Level = 'debug' | 'info' | 'warn' | 'error';
const levels: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** Longest entry, in characters. */
const maxEntryLength = 4000;
/** Entries that wait until the log is opened. */
const maxEarlyEntries = 200;

/** Keeps entries until `open`, then writes them to `shim.log`. */
export class ShimLog {
  readonly logger: Logger;
  #early: string[] = [];
  #log: BoundedLog | null = null;
  #opening: Promise<void> | undefined;

  constructor(level: 'debug' | 'info') {
    this.logger = this.#child(levels.indexOf(level), {});
  }

  /** Begins to write, once. @param directory of the pod's logs, which is removed with the pod */
  open(directory: string): void {
    // A log that cannot be opened is no reason to have no pod, and there is nowhere else to tell it.
    this.#opening ??= this.#open(directory).catch(() => {});
  }

  /** Writes out what waits. */
  async close(): Promise<void> {
    await this.#opening;
    await this.#log?.close();
  }

  async #open(directory: string): Promise<void> {
    const log = await BoundedLog.open({ directory, name: 'shim' });
    for (const entry of this.#early) log.write(Buffer.from(entry));
    this.#early = [];
    this.#log = log;
  }

  #child(least: number, bound: Readonly<Record<string, unknown>>): Logger {
    const write =
      (level: Level) =>
      (fields: Readonly<Record<string, unknown>>, message: string): void => {
        if (levels.indexOf(level) >= least) this.#write(level, { ...bound, ...fields }, message);
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => this.#child(least, { ...bound, ...fields }),
    };
  }

  #write(level: Level, fields: Readonly<Record<string, unknown>>, message: string): void {
    const more = JSON.stringify(fields, plain);
    const entry = `${printable(`${level}: ${message} ${more}`, maxEntryLength)}\n`;
    if (this.#log !== null) this.#log.write(Buffer.from(entry));
    else if (this.#early.length < maxEarlyEntries) this.#early.push(entry);
  }
}

/** Errors and bigints, which JSON has no form for; of a text no more than an entry holds. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return (value.stack ?? value.message).slice(0, maxEntryLength);
  if (typeof value === 'string') return value.slice(0, maxEntryLength);
  return typeof value === 'bigint' ? value.toString() : value;
}
