// What `virtc doctor` does with the checks: fixes, tells, and gives an exit code.
import { printable } from '../../../base/untrusted-text.js';
import type { Check } from '../../../doctor/check.js';
import { isJson } from '../flag-values.js';
import { describeError, exitCodes } from '../report.js';

export interface DoctorFlags {
  readonly fix?: boolean;
  readonly format?: string;
}

/** What surrounds it; tests give fakes. */
export interface DoctorContext {
  readonly check: () => Promise<readonly Check[]>;
  /** Tells what it does on standard error. */
  readonly setUp: () => Promise<void>;
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
  let checks = await context.check();
  if (flags.fix === true && checks.some(isFixable)) {
    try {
      await context.setUp();
    } catch (error) {
      // What is still missing is told below.
      stderr.write(describeError(error, { debug: false }));
    }
    checks = await context.check();
  }
  const healthy = checks.every(({ status }) => status !== 'fail');
  stdout.write(json ? toJson(healthy, checks) : toText(checks));
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

function toText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, message, hint }) => [
    `${status.padEnd(4)}  ${name.padEnd(width)}  ${message}`,
    ...(hint === undefined ? [] : [`${' '.repeat(width + 8)}hint: ${hint}`]),
  ]);
  return lines.map((line) => `${printable(line, maxLineLength)}\n`).join('');
}
