// Looks at an installed guest image more closely than a start does: every byte, and whether its agent is this package's.
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { VirtcontainersError } from '../src/base/errors.js';
import { type OpenGuestImageOptions, openGuestImage } from '../src/host/images/guest-image.js';
import { parseManifest } from '../src/host/images/parse-manifest.js';
import { type GuestImage, guestImageRoles } from '../src/model/guest-image.js';
import { readAgent } from './agent-bundle.js';
import { hashFile } from './hash.js';
import { agentArchive } from './initramfs.js';

export interface InspectedImage {
  readonly image: GuestImage;
  /** Whether the agent in it is that of this package. */
  readonly hasCurrentAgent: boolean;
}

/** @throws VirtcontainersError as `openGuestImage`, and `internal` naming the file whose content has changed */
export async function inspectGuestImage(
  options: OpenGuestImageOptions & { readonly agentBundle?: string | undefined },
): Promise<InspectedImage> {
  const image = await openGuestImage(options);
  const manifest = parseManifest(
    image.directory,
    await readFile(path.join(image.directory, 'manifest.json'), 'utf8'),
  );
  for (const role of guestImageRoles) {
    if ((await hashFile(image[role])) === manifest.files[role].sha512) continue;
    const reason = `it is damaged: the content of ${manifest.files[role].name} has changed`;
    throw new VirtcontainersError(
      'internal',
      `cannot open guest image ${image.directory}: ${reason}`,
      {
        hint: 'run virtc setup',
      },
    );
  }
  const agent = agentArchive(await readAgent(options.agentBundle));
  return { image, hasCurrentAgent: agent.equals(await tailOf(image.initrd, agent.length)) };
}

// The archive of the agent is the end of the initramfs.
async function tailOf(file: string, length: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(length, size));
    await handle.read(tail, 0, tail.length, size - tail.length);
    return tail;
  } finally {
    await handle.close();
  }
}
