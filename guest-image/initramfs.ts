// The first file system: the guest's first program and the kernel's modules; the agent follows as an archive of its own.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type CpioEntry, writeCpio } from './cpio.js';
import { runProgram } from './run-program.js';

/** What decides about the initramfs part beside the kernel part and init.c; raise the revision when the way of building changes. */
export const initramfsRecipe = {
  revision: 2,
  compiler: ['-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror'],
} as const;

export interface InitramfsOptions {
  /** The source of the first program. */
  readonly initSource: string;
  /** The kernel part's directory. */
  readonly kernelDirectory: string;
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/** Puts `base.cpio` into `directory`. */
export async function buildInitramfs(
  directory: string,
  options: InitramfsOptions,
): Promise<Readonly<Record<string, string>>> {
  const { initSource, kernelDirectory, scratch, signal } = options;
  const work = await mkdtemp(path.join(scratch, 'init-'));
  const source = path.join(work, 'init.c');
  const program = path.join(work, 'init');
  await writeFile(source, initSource);
  await runProgram('gcc', [...initramfsRecipe.compiler, '-o', program, source], {
    what: "cannot compile the guest's first program",
    signal,
  });
  const order = await readFile(path.join(kernelDirectory, 'modules/order'));
  const modules = order.toString().trim().split('\n');
  const entries: CpioEntry[] = [
    ...['dev', 'proc', 'sys', 'root', 'modules'].map(
      (name) => ({ kind: 'directory', name }) as const,
    ),
    // The kernel opens it for the first program before that has mounted anything.
    { kind: 'character-device', name: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', name: 'init', data: await readFile(program), executable: true },
    { kind: 'file', name: 'modules/order', data: order },
  ];
  for (const name of modules) {
    const data = await readFile(path.join(kernelDirectory, 'modules', name));
    entries.push({ kind: 'file', name: `modules/${name}`, data: withoutSignature(data) });
  }
  await writeFile(path.join(directory, 'base.cpio'), writeCpio(entries));
  await rm(work, { recursive: true });
  return {};
}

/**
 * A module without what Debian has signed it with (`struct module_signature` of Linux, and a mark, at its end).
 * Checking costs 0.15 s where the processor is emulated and gives nothing: the kernel loads unsigned modules as well,
 * and these are as trusted as the kernel beside them.
 */
export function withoutSignature(module: Buffer): Buffer {
  const mark = '~Module signature appended~\n';
  const descriptionBytes = 12;
  const end = module.length - mark.length;
  if (end < descriptionBytes || module.toString('latin1', end) !== mark) return module;
  const signatureBytes = module.readUInt32BE(end - 4);
  return module.subarray(0, Math.max(0, end - descriptionBytes - signatureBytes));
}

/** The archive that follows `base.cpio`: the agent's snapshot, and the flags that Node takes it with. */
export function snapshotArchive(snapshot: Uint8Array, flags: readonly string[]): Buffer {
  return writeCpio([
    { kind: 'file', name: 'agent.flags', data: Buffer.from(`${flags.join('\n')}\n`) },
    { kind: 'file', name: 'agent.blob', data: snapshot },
  ]);
}

/** The last archive: the agent's bundle, for processors that the snapshot does not fit. */
export function agentArchive(bundle: Uint8Array): Buffer {
  return writeCpio([{ kind: 'file', name: 'agent.cjs', data: bundle }]);
}
