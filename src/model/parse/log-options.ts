// Options of reading a log to a complete question.
import { VirtcontainersError } from '../../base/errors.js';
import { validateId } from '../id.js';
import { parts } from './parts.js';
import { check, loadZod, strict, type Z } from './schema.js';

/** What is asked of a log. */
export interface LogQuestion {
  readonly source: { readonly container: string } | 'console' | 'shim';
  /** Null is all of them. */
  readonly streams: readonly string[] | null;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly tail: number | null;
  readonly follow: boolean;
}

let schema: ReturnType<typeof logSchema> | undefined;

/** @throws VirtcontainersError `invalid-argument` */
export async function parseLogOptions(what: string, options: unknown): Promise<LogQuestion> {
  schema ??= logSchema(await loadZod());
  const parsed = check(what, schema, options ?? {});
  const { containerId, source, streams, since, until, tail = null, follow = false } = parsed;
  if (containerId !== undefined && source !== undefined) {
    throw new VirtcontainersError(
      'invalid-argument',
      `${what}: containerId and source exclude each other`,
    );
  }
  if (containerId === undefined && streams !== undefined) {
    throw new VirtcontainersError(
      'invalid-argument',
      `${what}: only a container has streams to choose from`,
    );
  }
  return {
    source:
      containerId === undefined
        ? (source ?? 'console')
        : { container: validateId('container', containerId) },
    streams: streams ?? null,
    sinceMs: since?.getTime() ?? Number.NEGATIVE_INFINITY,
    untilMs: until?.getTime() ?? Number.POSITIVE_INFINITY,
    tail,
    follow,
  };
}

function logSchema(z: Z) {
  const p = parts(z);
  return strict(z, 'the reading of a log', {
    signal: p.abortSignal.optional(),
    containerId: p.text('must be a text', () => true).optional(),
    source: z.enum(['console', 'shim'], { error: "must be 'console' or 'shim'" }).optional(),
    streams: z
      .array(z.enum(['stdout', 'stderr'], { error: "must be 'stdout' or 'stderr'" }), {
        error: "must be a list of 'stdout' and 'stderr'",
      })
      .optional(),
    since: z.date({ error: 'must be a valid Date' }).optional(),
    until: z.date({ error: 'must be a valid Date' }).optional(),
    tail: p.integer(0, 1_000_000_000).optional(),
    follow: p.boolean.optional(),
  });
}
