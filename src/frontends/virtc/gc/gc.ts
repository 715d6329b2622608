// `virtc gc` in this process: what was removed on standard output, what failed on standard error.
import { printable } from '../../../base/untrusted-text.js';
import type { Runtime } from '../../../model/pod.js';
import { isJson } from '../flag-values.js';
import { exitCodes } from '../report.js';

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Longest line about a pod, in characters. */
const maxLineLength = 4096;

/**
 * Removes what dead owners left; resolves with the exit code: 1 if something was not removed.
 * @throws VirtcontainersError where nothing can be looked at
 */
export async function gc(
  flags: { readonly format?: string },
  context: { readonly runtime: Pick<Runtime, 'gc'>; readonly streams: Streams },
): Promise<number> {
  const { stdout, stderr } = context.streams;
  const json = isJson(flags.format);
  const { removed, failed } = await context.runtime.gc();
  if (json) {
    stdout.write(`${JSON.stringify({ removed, failed }, null, 2)}\n`);
  } else {
    for (const id of removed) stdout.write(`${printable(id, maxLineLength)}\n`);
    for (const { id, error } of failed) {
      stderr.write(`${printable(`virtc: cannot remove pod ${id}: ${error}`, maxLineLength)}\n`);
    }
    if (removed.length + failed.length === 0) stderr.write('nothing is left of any dead owner\n');
  }
  return failed.length === 0 ? 0 : exitCodes.found;
}
