// Does one thing to each of several containers or pods, as docker does: what went well is printed, what did not is told, code 1.
import { isVirtcontainersError, reasonOf } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import { isJson } from '../flag-values.js';
import { exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';
import type { Streams } from './context.js';

/** Longest line about one, in characters. */
const maxLineLength = 4096;
/** How many are worked on at the same time: docker's. */
const atOnce = 50;

/**
 * Works on all of them, several at a time, and tells how each went in their order.
 * @param work resolves with a line to print for a name, or with anything else for the name as it was given
 * @returns the exit code: 1 if something failed
 */
export async function forEach(
  names: readonly string[],
  { flags, streams }: { readonly flags: CommonFlags; readonly streams: Streams },
  work: (name: string) => Promise<unknown>,
): Promise<number> {
  const json = isJson(flags.format);
  const done: string[] = [];
  const failed: { readonly id: string; readonly error: string; readonly hint: string | null }[] =
    [];
  // One name after the other, so that what is done first is told first.
  const running: Promise<readonly [string | null, unknown]>[] = [];
  for (const [index, name] of names.entries()) {
    await running[index - atOnce];
    running.push(
      work(name).then(
        (line) => [typeof line === 'string' ? line : name, null] as const,
        (error: unknown) => [null, error] as const,
      ),
    );
  }
  for (const [index, outcome] of running.entries()) {
    const [line, error] = await outcome;
    if (line !== null) {
      done.push(line);
      if (!json) streams.stdout.write(`${printable(line, maxLineLength)}\n`);
      continue;
    }
    const hint = isVirtcontainersError(error) ? (error.hint ?? null) : null;
    failed.push({ id: names[index] ?? '', error: reasonOf(error), hint });
    if (json) continue;
    streams.stderr.write(`${printable(`virtc: ${reasonOf(error)}`, maxLineLength)}\n`);
    if (hint !== null) streams.stderr.write(`${printable(`hint: ${hint}`, maxLineLength)}\n`);
  }
  if (json) streams.stdout.write(`${JSON.stringify({ done, failed }, null, 2)}\n`);
  return failed.length === 0 ? 0 : exitCodes.found;
}
