// Reads the manifest of a guest image.
import { z } from 'zod';
import { reasonOf, VirtcontainersError } from '../../base/errors.js';
import { type GuestImageManifest, guestImageFormat } from '../../model/guest-image.js';

const file = z.object({
  // One name, so that no manifest leads out of its directory.
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/),
  sha512: z.string().regex(/^[0-9a-f]{128}$/),
  sizeBytes: z.int().min(1),
  inode: z.string().regex(/^\d+$/),
  mtimeNs: z.string().regex(/^\d+$/),
});

const schema = z.object({
  format: z.literal(guestImageFormat),
  id: z.string().min(1),
  architecture: z.literal('x86_64'),
  versions: z.record(z.string(), z.string()),
  kernelParameters: z.array(z.string().regex(/^[^\s\0]+$/)),
  files: z.object({ kernel: file, initrd: file, rootImage: file, memoryPreload: file }),
});

/**
 * The manifest that `text` holds.
 * @throws VirtcontainersError `internal` saying what is wrong with it, `unsupported` if it is of another format
 */
export function parseManifest(directory: string, text: string): GuestImageManifest {
  const what = `cannot open guest image ${directory}`;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new VirtcontainersError(
      'internal',
      `${what}: manifest.json is damaged: ${reasonOf(error)}`,
      {
        cause: error,
        hint: 'run virtc setup',
      },
    );
  }
  const format = z.object({ format: z.int() }).safeParse(data).data?.format;
  if (format !== undefined && format !== guestImageFormat) {
    const age = format < guestImageFormat ? 'an older' : 'a newer';
    throw new VirtcontainersError(
      'unsupported',
      `${what}: ${age} version of virtcontainers has made it (format ${format}, this one reads ${guestImageFormat})`,
      { hint: 'run virtc setup' },
    );
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const reason = parsed.error.issues
    .map((issue) => `${issue.path.join('.') || 'manifest'}: ${issue.message}`)
    .join('; ');
  throw new VirtcontainersError('internal', `${what}: manifest.json is damaged: ${reason}`, {
    hint: 'run virtc setup',
  });
}
