// Options of the calls on templates to complete values.
import { VirtcontainersError } from '../../base/errors.js';
import type { ProgressEvent } from '../progress.js';
import { defaultPruneOptions, type PruneSelection } from '../prune-selection.js';
import { parts } from './parts.js';
import { check, loadZod, strict, type Z } from './schema.js';
import { showValue } from './show-value.js';

let schemas: ReturnType<typeof allSchemas> | undefined;

/** What `build` was asked. @throws VirtcontainersError `invalid-argument` */
export async function parseBuildTemplateOptions(
  what: string,
  options: unknown,
): Promise<{
  readonly rebuild: boolean;
  readonly onProgress: ((event: ProgressEvent) => void) | undefined;
}> {
  const parsed = check(what, (await load()).build, options ?? {});
  return {
    rebuild: parsed.rebuild ?? false,
    onProgress: parsed.onProgress as ((event: ProgressEvent) => void) | undefined,
  };
}

/** Which templates `prune` takes. @throws VirtcontainersError `invalid-argument` */
export async function parsePruneTemplatesOptions(
  what: string,
  options: unknown,
): Promise<PruneSelection> {
  const { unusedForMs, maxBytes, all } = check(what, (await load()).prune, options ?? {});
  return {
    unusedForMs: unusedForMs ?? defaultPruneOptions.unusedForMs,
    maxBytes: maxBytes ?? defaultPruneOptions.maxBytes,
    all: all ?? defaultPruneOptions.all,
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
  const p = parts(z);
  const signal = p.abortSignal.optional();
  const bytesRule = 'must be a number of bytes from 0, or text such as 4GiB';
  return {
    build: strict(z, 'a template', {
      signal,
      rebuild: p.boolean.optional(),
      onProgress: p.callback.optional(),
    }),
    prune: strict(z, 'pruning', {
      signal,
      unusedForMs: p.durationMs.optional(),
      maxBytes: p.size(1, 0, Number.MAX_SAFE_INTEGER, bytesRule).optional(),
      all: p.boolean.optional(),
    }),
  };
}
