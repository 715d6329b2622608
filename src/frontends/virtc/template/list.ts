// `virtc template ls`: the templates as a table, as ids, or as JSON.
import { printable } from '../../../base/untrusted-text.js';
import { isJson } from '../flag-values.js';
import type { CommonFlags } from '../settings.js';
import type { TemplateContext } from './context.js';
import { toId, toTable } from './format.js';

export interface ListFlags extends CommonFlags {
  readonly quiet?: boolean;
  /** Of `--no-trunc`. */
  readonly trunc?: boolean;
}

/** Prints them on standard output; resolves with the exit code. */
export async function listTemplates(
  flags: ListFlags,
  context: Pick<TemplateContext, 'templates' | 'streams'>,
  nowMs = Date.now(),
): Promise<number> {
  const json = isJson(flags.format);
  const { templates, streams } = context;
  const list = await templates.list();
  const short = flags.trunc !== false;
  if (json) {
    const shown = flags.quiet === true ? list.map(({ id }) => id) : list;
    streams.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  } else if (flags.quiet === true) {
    for (const { id } of list) streams.stdout.write(`${printable(toId(id, short), 1024)}\n`);
  } else {
    streams.stdout.write(toTable(list, { nowMs, short }));
  }
  return 0;
}
