// What is written down of a template: the file whose rename makes a template the one that is found.
import { z } from 'zod';
import { reasonOf } from '../../base/errors.js';
import type { TemplateKey } from './templates.js';

export const manifestName = 'manifest.json';
/** One has less than 1 KiB. */
export const maxManifestBytes = 64 * 1024;

/** The format that is written, and the only one that is read: a template of another one is made anew. */
const manifestFormat = 1;

/** A directory of a template's files; a fresh name for each build, so that paths that were given out never change their content. */
export const generationPattern = /^gen-[0-9a-f]{16}$/;

const generation = z.string().regex(generationPattern);
const digits = z.string().regex(/^\d+$/);

const schema = z.object({
  format: z.literal(manifestFormat),
  id: z.string(),
  guestImage: z.string(),
  accelerator: z.enum(['kvm', 'tcg']),
  cpus: z.int().min(1),
  memoryMiB: z.int().min(1),
  qemuVersion: z.string(),
  createdAt: z.iso.datetime(),
  buildMs: z.number().min(0),
  generation,
  /** The generation before, for whoever was given its paths just before this one came. */
  previous: generation.nullable(),
  /** Small enough to be read each time. */
  state: z.object({ sizeBytes: z.int().min(1), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  /**
   * Too large to be read each time. The times are in nanoseconds; that of the last change of the inode (ctime) cannot be set by
   * whoever may write to the file. Neither reading nor a private mapping changes it, nor the rename of a directory above.
   */
  memory: z.object({ sizeBytes: z.int().min(1), inode: digits, mtimeNs: digits, ctimeNs: digits }),
});

export type Manifest = Readonly<z.infer<typeof schema>>;

/** The manifest of a template made now. */
export function toManifest(
  key: TemplateKey,
  facts: Omit<Manifest, 'format' | keyof TemplateKey>,
): Manifest {
  const { id, guestImage, accelerator, cpus, memoryMiB } = key;
  return { format: manifestFormat, id, guestImage, accelerator, cpus, memoryMiB, ...facts };
}

/**
 * The manifest of template `id` that `text` holds.
 * @throws Error whose message says what is wrong with it
 */
export function parseManifest(text: string, id: string): Manifest {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    const found = text.trim() === '' ? 'it is empty' : `it is not JSON: ${reasonOf(error)}`;
    throw new Error(found, { cause: error });
  }
  const format = z.object({ format: z.int() }).safeParse(data).data?.format;
  if (format !== undefined && format !== manifestFormat) {
    throw new Error(
      `its format is ${format}, this version of virtcontainers reads ${manifestFormat}`,
    );
  }
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${issue?.path.join('.') || 'manifest'}: ${issue?.message}`);
  }
  if (parsed.data.id !== id) throw new Error(`it is of template ${JSON.stringify(parsed.data.id)}`);
  return parsed.data;
}

/** @throws Error that says what differs, where the manifest is of another kind of VM */
export function requireKey(manifest: Manifest, key: TemplateKey): void {
  for (const name of ['guestImage', 'accelerator', 'cpus', 'memoryMiB'] as const) {
    if (manifest[name] !== key[name]) {
      throw new Error(
        `its ${name} is ${JSON.stringify(manifest[name])}, not ${JSON.stringify(key[name])}`,
      );
    }
  }
}
