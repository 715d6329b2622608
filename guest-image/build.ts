// Builds and installs the guest image: kernel, initramfs with the agent, root image, QEMU's part of templates.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted, VirtcontainersError } from '../src/base/errors.js';
import { makeDirectory } from '../src/base/make-directory.js';
import { readAgent } from './agent-bundle.js';
import { agentRecipe } from './agent-snapshot.js';
import { runPackages } from './debian-packages.js';
import { hashBytes } from './hash.js';
import { ensureImageParts, installPackages } from './image-parts.js';
import { agentArchive, snapshotArchive } from './initramfs.js';
import { type ImageFile, installImage, pruneImages } from './install.js';
import { kernelParameters } from './kernel-parameters.js';
import { type Part, pruneParts } from './parts.js';
import type { OnSetupProgress } from './progress.js';
import { withScratch } from './scratch.js';

export type { OnSetupProgress, SetupEvent } from './progress.js';

export interface SetupOptions {
  /** Where guest images are kept, in its folder `guest`. */
  readonly libRoot: string;
  /** Builds everything anew, with the newest packages. Default false. */
  readonly force?: boolean;
  readonly onProgress?: OnSetupProgress;
  /** Ends the setup; nothing half is left in use, and the next one clears away what it had begun. */
  readonly signal?: AbortSignal;
  /** The agent to put in. Default: the one of this package. */
  readonly agentBundle?: string;
}

export interface SetupResult {
  /** Absolute path of the image that is now the current one. */
  readonly directory: string;
  /** What was missing, damaged or outdated and has been made: parts, and `image`. */
  readonly built: readonly string[];
}

/** Makes sure that there is a guest image of this version below `libRoot`; does nothing where there is. */
export async function setupGuestImage(options: SetupOptions): Promise<SetupResult> {
  const { libRoot, signal, onProgress = () => {} } = options;
  throwIfAborted(signal, 'cannot set up guest image');
  if (process.arch !== 'x64' || process.platform !== 'linux') {
    throw new VirtcontainersError(
      'unsupported',
      `cannot set up guest image: there is none for ${process.platform} on ${process.arch}`,
    );
  }
  const agent = await readAgent(options.agentBundle);
  const directory = path.join(path.resolve(libRoot), 'guest');
  // What else is kept there is private; the images hold nothing that is not public.
  makeDirectory(path.resolve(libRoot), 0o700);
  makeDirectory(directory, 0o755);
  const onWait = (): void =>
    onProgress({ step: 'lock', phase: 'note', message: 'waiting for another setup to end' });
  return withScratch(directory, { signal, onWait }, (scratch) =>
    setupLocked({ ...options, onProgress, directory, scratch, agent }),
  );
}

interface LockedSetup extends SetupOptions {
  readonly onProgress: OnSetupProgress;
  readonly directory: string;
  readonly scratch: string;
  readonly agent: Buffer;
}

async function setupLocked(setup: LockedSetup): Promise<SetupResult> {
  const { directory, scratch, agent, onProgress, signal, force = false } = setup;
  await installPackages(runPackages, { onProgress, signal });
  const store = { directory: path.join(directory, 'parts'), scratch, force };
  const parts = await ensureImageParts({ store, bundle: agent, onProgress, signal });
  const { kernel, initramfs, root, preload } = parts;
  const base = await readFile(path.join(initramfs.directory, 'base.cpio'));
  const snapshot = await readFile(path.join(parts.agent.directory, 'agent.blob'));
  const initrd = Buffer.concat([
    base,
    snapshotArchive(snapshot, agentRecipe.flags),
    agentArchive(agent),
  ]);
  const image = await installImage(directory, scratch, {
    versions: Object.assign({}, ...Object.values(parts).map((part) => part.versions)),
    kernelParameters,
    files: {
      kernel: partFile(kernel, 'vmlinux'),
      rootImage: partFile(root, 'root.erofs'),
      memoryPreload: partFile(preload, 'read-only-memory.so'),
      initrd: {
        name: 'initrd.cpio',
        sha512: hashBytes(initrd),
        from: { kind: 'data', data: initrd },
      },
    },
  });
  await pruneParts(store, Object.values(parts));
  await pruneImages(directory, scratch);
  const built = Object.entries(parts).filter(([, part]) => part.built);
  return {
    directory: image.directory,
    built: [...built.map(([name]) => name), ...(image.installed ? ['image'] : [])],
  };
}

function partFile(part: Part, name: string): ImageFile {
  const sha512 = part.files[name];
  if (sha512 === undefined) {
    throw new VirtcontainersError(
      'internal',
      `cannot set up guest image: ${part.directory} has no ${name}`,
    );
  }
  return { name, sha512, from: { kind: 'path', path: path.join(part.directory, name) } };
}
