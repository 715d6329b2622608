// `virtc template prune`: removes templates that nobody uses, and says what that has freed.
import { printable } from '../../../base/untrusted-text.js';
import { maxUnusedForMs } from '../../../model/parse/template-options.js';
import type { PruneTemplatesOptions } from '../../../model/template.js';
import { isJson } from '../flag-values.js';
import { toBytes, toMs } from '../quantities.js';
import { exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';
import type { TemplateContext } from './context.js';
import { toSizeText } from './format.js';

export interface PruneFlags extends CommonFlags {
  readonly all?: boolean;
  readonly unusedFor?: string;
  readonly maxSize?: string;
}

/** Longest line about a template, in characters. */
const maxLineLength = 4096;

const unusedForBounds = { leastMs: 0, mostMs: maxUnusedForMs, rule: 'up to ten years' };

/** Resolves with the exit code: 1 if something could not be removed. */
export async function pruneTemplates(
  flags: PruneFlags,
  context: Pick<TemplateContext, 'templates' | 'streams'>,
): Promise<number> {
  const json = isJson(flags.format);
  const { stdout, stderr } = context.streams;
  const report = await context.templates.prune(toPruneOptions(flags));
  const { removed, freedBytes, failed } = report;
  if (json) {
    stdout.write(`${JSON.stringify({ removed, freedBytes, failed }, null, 2)}\n`);
  } else {
    for (const id of removed) stdout.write(`${printable(id, maxLineLength)}\n`);
    for (const { id, error } of failed) {
      const line = `virtc: cannot remove template ${id}: ${error}`;
      stderr.write(`${printable(line, maxLineLength)}\n`);
    }
    stdout.write(`Total reclaimed space: ${toSizeText(freedBytes)}\n`);
  }
  return failed.length === 0 ? 0 : exitCodes.found;
}

/** What the flags ask of the library. @throws VirtcontainersError `invalid-argument` */
function toPruneOptions({ all, unusedFor, maxSize }: PruneFlags): PruneTemplatesOptions {
  return {
    ...(all === true ? { all } : {}),
    ...(unusedFor === undefined
      ? {}
      : { unusedForMs: toMs('--unused-for', unusedFor, unusedForBounds) }),
    ...(maxSize === undefined ? {} : { maxBytes: toBytes('--max-size', maxSize) }),
  };
}
