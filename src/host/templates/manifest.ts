// What is written down of a template: the file whose rename makes a template the one that is found.
import {
  count,
  isObject,
  matching,
  number,
  object,
  oneOf,
  orNull,
  text,
} from '../../base/check-json.js';
import { reasonOf } from '../../base/errors.js';
import type { TemplateFacts, TemplateKey } from './templates.js';

export const manifestName = 'manifest.json';
/** One has less than 1 KiB. */
export const maxManifestBytes = 64 * 1024;

/** The format that is written, and the only one that is read: a template of another one is made anew. */
const manifestFormat = 1 as const;

/** A directory of a template's files; a fresh name for each build, so that paths that were given out never change their content. */
export const generationPattern = /^gen-[0-9a-f]{16}$/;

export interface Manifest extends TemplateKey, TemplateFacts {
  readonly format: typeof manifestFormat;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly generation: string;
  /** The generation before, for whoever was given its paths just before this one came. */
  readonly previous: string | null;
  /** Small enough to be read each time. */
  readonly state: { readonly sizeBytes: number; readonly sha256: string };
  /**
   * Too large to be read each time. The times are in nanoseconds; that of the last change of the inode (ctime) cannot be set by
   * whoever may write to the file. Neither reading nor a private mapping changes it, nor the rename of a directory above.
   */
  readonly memory: {
    readonly sizeBytes: number;
    readonly inode: string;
    readonly mtimeNs: string;
    readonly ctimeNs: string;
  };
}

const generation = matching(generationPattern, 'the name of a generation');
const digits = matching(/^\d{1,30}$/, 'a number in digits');

const check = object<Manifest>({
  format: oneOf(manifestFormat),
  id: text,
  guestImage: text,
  accelerator: oneOf('kvm', 'tcg'),
  cpus: count,
  memoryMiB: count,
  qemuVersion: text,
  createdAt: matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time'),
  buildMs: number,
  generation,
  previous: orNull(generation),
  state: object({ sizeBytes: count, sha256: matching(/^[0-9a-f]{64}$/, 'a SHA-256') }),
  memory: object({ sizeBytes: count, inode: digits, mtimeNs: digits, ctimeNs: digits }),
});

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
export function parseManifest(json: string, id: string): Manifest {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    const found = json.trim() === '' ? 'it is empty' : `it is not JSON: ${reasonOf(error)}`;
    throw new Error(found, { cause: error });
  }
  const format = isObject(data) ? data['format'] : undefined;
  if (typeof format === 'number' && format !== manifestFormat) {
    throw new Error(
      `its format is ${format}, this version of virtcontainers reads ${manifestFormat}`,
    );
  }
  check(data, 'manifest');
  const manifest = data as Manifest;
  if (manifest.id !== id) throw new Error(`it is of template ${JSON.stringify(manifest.id)}`);
  return manifest;
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
