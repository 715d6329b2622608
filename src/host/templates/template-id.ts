// What names a template, checked before it becomes a path.
import { VirtcontainersError } from '../../base/errors.js';

const pattern = /^[0-9a-f]{32}$/;

export function isTemplateId(name: string): boolean {
  return pattern.test(name);
}

/** @throws VirtcontainersError `invalid-argument`, as `cannot <verb> template <id>: <reason>` */
export function requireTemplateId(verb: string, id: string): void {
  if (typeof id === 'string' && isTemplateId(id)) return;
  const shown = JSON.stringify(String(id).slice(0, 200));
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot ${verb} template ${shown}: an id is 32 hexadecimal digits`,
  );
}
