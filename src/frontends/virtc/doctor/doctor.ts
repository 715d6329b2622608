// What `virtc doctor` does with the checks: fixes, tells, and gives an exit code.
import { printable } from '../../../base/untrusted-text.js';
import type { Check } from '../../../doctor/check.js';
import { isJson } from '../flag-values.js';
import { toErrorEvent, toJsonLine } from '../json-lines.js';
import { type Paint, plain } from '../paint.js';
import { describeError, exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';

export interface DoctorFlags extends CommonFlags {
  readonly fix?: boolean;
}

/** What surrounds it; tests give fakes. */
export interface DoctorContext {
  readonly check: () => Promise<readonly Check[]>;
  /** Tells what it does on standard error. */
  readonly setUp: () => Promise<void>;
  /** For the words of the checks, and for errors; default none. */
  readonly paint?: { readonly stdout: Paint; readonly stderr: Paint };
  readonly streams: {
    readonly stdout: { write(text: string): unknown };
    readonly stderr: { write(text: string): unknown };
  };
}

/** Longest line, in characters: messages hold paths and what other programs say. */
const maxLineLength = 4096;

/** Resolves with the exit code: 1 where something that is needed fails. */
export async function doctor(flags: DoctorFlags, context: DoctorContext): Promise<number> {
  const { stdout, stderr } = context.streams;
  const json = isJson(flags.format);
  const { paint = { stdout: plain, stderr: plain } } = context;
  let checks = await context.check();
  if (flags.fix === true && checks.some(isFixable)) {
    try {
      await context.setUp();
    } catch (error) {
      // What is still missing is told below.
      stderr.write(
        json
          ? toJsonLine(toErrorEvent(error, exitCodes.found))
          : describeError(error, { debug: false, paint: paint.stderr }),
      );
    }
    checks = await context.check();
  }
  const healthy = checks.every(({ status }) => status !== 'fail');
  stdout.write(json ? toJson(healthy, checks) : toText(checks, paint.stdout));
  return healthy ? 0 : exitCodes.found;
}

function isFixable({ status, fixedBySetup }: Check): boolean {
  return status !== 'ok' && fixedBySetup === true;
}

function toJson(healthy: boolean, checks: readonly Check[]): string {
  const plain = checks.map(({ name, status, message, hint = null, fixedBySetup = false }) => ({
    name,
    status,
    message,
    hint,
    fixedBySetup,
  }));
  return `${JSON.stringify({ ok: healthy, checks: plain }, null, 2)}\n`;
}

const colors = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

function toText(checks: readonly Check[], paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, message, hint }) => [
    `${paint(colors[status], status.padEnd(4))}${fitted(`  ${name.padEnd(width)}  ${message}`)}`,
    ...(hint === undefined ? [] : [fitted(`${' '.repeat(width + 8)}hint: ${hint}`)]),
  ]);
  return lines.map((line) => `${line}\n`).join('');
}

function fitted(text: string): string {
  return printable(text, maxLineLength);
}
