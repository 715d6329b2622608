// `virtc template rm`: removes templates by their ids, and goes on where one cannot be removed.
import { isVirtcontainersError, reasonOf } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import { isJson } from '../flag-values.js';
import { exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';
import type { TemplateContext } from './context.js';

/** Longest line about a template, in characters. */
const maxLineLength = 4096;

/**
 * What was removed is printed on standard output as it was given, what was not on standard error; resolves with the exit code: 1 if
 * something was not removed.
 * @throws VirtcontainersError `unsupported` where none could be
 */
export async function removeTemplates(
  ids: readonly string[],
  flags: CommonFlags,
  context: Pick<TemplateContext, 'templates' | 'streams'>,
): Promise<number> {
  const json = isJson(flags.format);
  const { templates, streams } = context;
  const removed: string[] = [];
  const failed: { id: string; error: string }[] = [];
  for (const id of ids) {
    try {
      await templates.remove(id);
      removed.push(id);
      if (!json) streams.stdout.write(`${printable(id, maxLineLength)}\n`);
    } catch (error) {
      if (isVirtcontainersError(error) && error.code === 'unsupported') throw error;
      failed.push({ id, error: reasonOf(error) });
      if (!json) streams.stderr.write(`${printable(`virtc: ${reasonOf(error)}`, maxLineLength)}\n`);
    }
  }
  if (json) streams.stdout.write(`${JSON.stringify({ removed, failed }, null, 2)}\n`);
  return failed.length === 0 ? 0 : exitCodes.found;
}
