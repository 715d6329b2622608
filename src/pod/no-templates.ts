// The templates of a runtime that can make none: there are none, and whatever needs one is refused by name.
import { VirtcontainersError } from '../base/errors.js';
import type { RuntimeTemplates } from '../model/template.js';

/** Stands where a runtime has no mechanism for them. */
export const noTemplates: RuntimeTemplates = {
  list: async () => [],
  build: () => unsupported('build template'),
  remove: (id) => unsupported(`remove template ${id}`),
  prune: () => unsupported('prune templates'),
};

async function unsupported(what: string): Promise<never> {
  throw new VirtcontainersError('unsupported', `cannot ${what}: this runtime has none`);
}
