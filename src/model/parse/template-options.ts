// Options of the calls that make and remove templates to complete values.
import { VirtcontainersError } from '../../base/errors.js';
import { parseDuration } from '../parse-duration.js';
import { defaultPruneLimits, type PruneLimits } from '../prune-selection.js';
import { type Parts, parts } from './parts.js';
import { check, loadZod, strict, type Z } from './schema.js';
import { showValue } from './show-value.js';

/** Longest time that a template can be asked to have been unused, in milliseconds: no timer waits for it. */
export const maxUnusedForMs = 10 * 365 * 24 * 3_600_000;
const unusedForRule =
  "must be a number of milliseconds or text such as '720h' (ms, s, m, h), from 0 to ten years";

let schemas: ReturnType<typeof allSchemas> | undefined;

/** What `build` was asked. @throws VirtcontainersError `invalid-argument` */
export async function parseBuildTemplateOptions(
  what: string,
  options: unknown,
): Promise<{ readonly rebuild: boolean }> {
  const parsed = check(what, (await load()).build, options ?? {});
  return { rebuild: parsed.rebuild ?? false };
}

/** What `prune` was asked. @throws VirtcontainersError `invalid-argument` */
export async function parsePruneTemplatesOptions(
  what: string,
  options: unknown,
): Promise<PruneLimits> {
  const otherwise = defaultPruneLimits;
  const parsed = check(what, (await load()).prune, options ?? {});
  return {
    unusedForMs: parsed.unusedForMs ?? otherwise.unusedForMs,
    maxBytes: parsed.maxBytes ?? otherwise.maxBytes,
    all: parsed.all ?? otherwise.all,
  };
}

/** Checks the first digits of a template's id. @throws VirtcontainersError `invalid-argument` */
export function checkTemplateId(what: string, id: unknown): asserts id is string {
  if (typeof id === 'string' && /^[0-9a-f]{1,32}$/.test(id)) return;
  const rule = 'its id must be up to 32 hexadecimal digits';
  throw new VirtcontainersError('invalid-argument', `${what}: ${rule}, not ${showValue(id)}`);
}

async function load() {
  schemas ??= allSchemas(await loadZod());
  return schemas;
}

function allSchemas(z: Z) {
  const p: Parts = parts(z);
  const signal = p.abortSignal.optional();
  return {
    build: strict(z, 'the building of a template', {
      signal,
      rebuild: p.boolean.optional(),
      onProgress: p.callback.optional(),
    }),
    prune: strict(z, 'the pruning of templates', {
      signal,
      unusedForMs: p
        .through(unusedForRule, (value) => parseDuration(value, maxUnusedForMs))
        .optional(),
      maxBytes: p.size(1, 1, Number.MAX_SAFE_INTEGER, '').optional(),
      all: p.boolean.optional(),
    }),
  };
}
