// Checks whether pods start as clones, and whether what they are cloned from is there.
import type { TemplateInfo } from '../model/template.js';
import { type Finding, ok, warn } from './check.js';

/** Named at most, so that the message stays a line. */
const maxNamed = 5;
const MiB = 1024 * 1024;

/** @param templates all that are there, the damaged too */
export function checkTemplates(enabled: boolean, templates: readonly TemplateInfo[]): Finding {
  if (!enabled) return ok('templates are off: every pod boots its VM');
  const damaged = templates.filter(({ problem }) => problem !== null);
  if (damaged.length > 0) {
    const named = damaged
      .slice(0, maxNamed)
      .map(({ id, problem }) => `${id.slice(0, 12)} (${problem})`);
    const more = damaged.length - named.length;
    const list = named.join(', ') + (more > 0 ? ` and ${more} more` : '');
    return warn(`templates are damaged: ${list}; what is needed is made anew`, {
      hint: 'run virtc template rm with their ids',
    });
  }
  const current = templates.find((template) => template.current);
  if (current !== undefined) {
    const size = Math.round(current.sizeBytes / MiB);
    return ok(`pods are cloned from template ${current.id.slice(0, 12)} (${size} MiB on disk)`);
  }
  return {
    ...ok('pods are cloned from a template, which the first one makes'),
    hint: 'virtc template build makes it now',
  };
}
