// The parts of an image and what each is made from.
import { mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { agentRecipe, buildAgentSnapshot } from './agent-snapshot.js';
import { buildCrun, crunRecipe } from './crun.js';
import { type DebianArchive, openDebianArchive } from './debian-archive.js';
import { buildPackages, ensureDebianPackages } from './debian-packages.js';
import { hashBytes } from './hash.js';
import { buildInitramfs, initramfsRecipe } from './initramfs.js';
import { buildKernel, kernelRecipe } from './kernel.js';
import { buildMemoryPreload, memoryPreloadRecipe } from './memory-preload.js';
import { fetchNode, nodeRecipe } from './node.js';
import { packageRoot } from './package-root.js';
import { ensurePart, type Part, type PartRecipe, type PartStore } from './parts.js';
import { type OnSetupProgress, tellStep } from './progress.js';
import { buildRootImage, findKoffi, rootRecipe } from './root-image.js';

export interface ImageParts {
  readonly kernel: Part;
  readonly crun: Part;
  readonly initramfs: Part;
  readonly preload: Part;
  readonly node: Part;
  readonly agent: Part;
  readonly root: Part;
}

export interface ImagePartsOptions {
  readonly store: PartStore;
  /** The agent's bundle. */
  readonly bundle: Uint8Array;
  readonly onProgress: OnSetupProgress;
  readonly signal?: AbortSignal | undefined;
}

/** Gives all parts, building what is missing, damaged or outdated. */
export async function ensureImageParts(options: ImagePartsOptions): Promise<ImageParts> {
  const { store, bundle, onProgress } = options;
  // The first of the parts to be built ends the whole setup if it fails.
  const failed = new AbortController();
  const signal =
    options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
  const scratch = (): Promise<string> => mkdtemp(path.join(store.scratch, 'work-'));

  let opened: Promise<DebianArchive> | undefined;
  /** The tools and the archive, made ready once, and only if something is to be built. */
  const archive = (): Promise<DebianArchive> => {
    opened ??= (async () => {
      await installPackages(buildPackages, { onProgress, signal });
      const directory = await scratch();
      return tellStep(onProgress, 'archive', 'reading the lists of the Debian archive', () =>
        openDebianArchive({ directory, signal }),
      );
    })();
    return opened;
  };
  type Build = PartRecipe['build'];
  const plainPart = (
    name: PartRecipe['name'] & keyof ImageParts,
    message: string,
    inputs: unknown,
    build: Build,
  ): Promise<Part> =>
    ensurePart(store, {
      name,
      inputs,
      build: (directory) => tellStep(onProgress, name, message, () => build(directory)),
    });
  /** A part that is made with the tools and the archive. */
  const part: typeof plainPart = (name, message, inputs, build) =>
    ensurePart(store, {
      name,
      inputs,
      build: async (directory) => {
        await archive();
        return tellStep(onProgress, name, message, () => build(directory));
      },
    });

  const kernel = async (): Promise<Pick<ImageParts, 'kernel' | 'initramfs'>> => {
    const made = await part('kernel', 'unpacking the kernel', kernelRecipe, async (directory) =>
      buildKernel(directory, { archive: await archive(), scratch: await scratch(), signal }),
    );
    const initSource = await readSource('init.c');
    const inputs = { ...initramfsRecipe, initSource, kernel: made.files };
    const initramfs = await part('initramfs', 'making the initramfs', inputs, async (directory) =>
      buildInitramfs(directory, {
        initSource,
        kernelDirectory: made.directory,
        scratch: await scratch(),
        signal,
      }),
    );
    return { kernel: made, initramfs };
  };
  const preload = async (): Promise<Pick<ImageParts, 'preload'>> => {
    const source = await readSource('read-only-memory.c');
    const inputs = { ...memoryPreloadRecipe, source };
    const message = "compiling QEMU's part of templates";
    const made = await part('preload', message, inputs, async (directory) =>
      buildMemoryPreload(directory, { source, scratch: await scratch(), signal }),
    );
    return { preload: made };
  };
  let fetching: Promise<Part> | undefined;
  const node = (): Promise<Part> => {
    fetching ??= plainPart('node', 'fetching Node', nodeRecipe, async (directory) =>
      fetchNode(directory, { scratch: await scratch(), signal }),
    );
    return fetching;
  };
  const agent = async (): Promise<Pick<ImageParts, 'agent' | 'node'>> => {
    const made = await node();
    const inputs = { ...agentRecipe, bundle: hashBytes(bundle), node: made.files };
    const snapshot = await plainPart('agent', 'making the agent', inputs, async (directory) =>
      buildAgentSnapshot(directory, {
        bundle,
        node: path.join(made.directory, 'node'),
        scratch: await scratch(),
        signal,
      }),
    );
    return { agent: snapshot, node: made };
  };
  const root = async (): Promise<Pick<ImageParts, 'crun' | 'root'>> => {
    const crun = await part('crun', 'building crun', crunRecipe, async (directory) =>
      buildCrun(directory, { archive: await archive(), scratch: await scratch(), signal }),
    );
    const koffi = await findKoffi();
    const nodePart = await node();
    const inputs = {
      ...rootRecipe,
      node: nodePart.files,
      koffi: koffi.sha512,
      crun: crun.files,
    };
    const made = await part('root', 'making the root image', inputs, async (directory) =>
      buildRootImage(directory, {
        archive: await archive(),
        node: path.join(nodePart.directory, 'node'),
        crun: path.join(crun.directory, 'crun'),
        koffi,
        scratch: await scratch(),
        signal,
      }),
    );
    return { crun, root: made };
  };

  const results = await Promise.allSettled(
    [kernel(), preload(), agent(), root()].map((work) =>
      work.catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failed.signal.reason ?? failure.reason;
  return Object.assign(
    {},
    ...results.map((result) => (result.status === 'fulfilled' ? result.value : {})),
  );
}

/** A source in C, which the package holds as it is. */
function readSource(name: string): Promise<string> {
  return readFile(path.join(packageRoot(), 'guest-image', name), 'utf8');
}

/** Installs what is missing of the packages, and tells so. */
export async function installPackages(
  packages: readonly string[],
  options: { readonly onProgress: OnSetupProgress; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { onProgress, signal } = options;
  const begin = performance.now();
  let message = '';
  const installed = await ensureDebianPackages(packages, {
    signal,
    onInstall: (missing) => {
      message = `installing Debian packages ${missing.join(' ')}`;
      onProgress({ step: 'packages', phase: 'begin', message });
    },
  });
  if (installed.length === 0) return;
  onProgress({
    step: 'packages',
    phase: 'end',
    message,
    durationMs: Math.round(performance.now() - begin),
  });
}
