// The agent as a start-up snapshot: Node's heap after the bundle's evaluation, made at setup, gone on from in the guest.
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { VirtcontainersError } from '../src/base/errors.js';
import { nodeRecipe } from './node.js';
import { runProgram } from './run-program.js';

/**
 * V8 takes a snapshot only where its version, its flags and the processor's features give the same tag as where it was
 * made. Setup's processor is not the guest's, so all features that have a flag are off: without a compiler (`--jitless`)
 * nothing uses them.
 */
const processorFlags = [
  '--mcpu=generic',
  ...[
    ...['sse3', 'ssse3', 'sse4-1', 'sse4-2', 'sahf', 'avx', 'avx2', 'fma3'],
    ...['bmi1', 'bmi2', 'lzcnt', 'popcnt'],
  ].map((feature) => `--no-enable-${feature}`),
];

/** What decides about the agent's part beside its bundle and Node; raise the revision when the way of building changes. */
export const agentRecipe = {
  revision: 1,
  /**
   * How Node is started in the guest. Chosen by measuring: docs/guest-image.md. Not to rehash is to keep the seed of
   * hashes that setup has drawn: who floods the agent's tables harms no other VM than his own.
   */
  flags: ['--jitless', '--no-expose-wasm', '--no-rehash-snapshot', ...processorFlags],
  /** For making the snapshot alone: compiled forms are in it, of all functions, so that none is compiled in the guest. */
  makerFlags: ['--no-lazy', '--no-flush-bytecode'],
  /**
   * The tag in the guest, `v8.cachedDataVersionTag()` there. Shadow stacks (CET), which have no flag, are the one
   * feature that may make another at setup; a guest that has them starts from the bundle instead (init.c).
   */
  tag: 0xa4647a8b,
} as const;

/** Bytes at a snapshot's beginning that hold Node's description of it, the tag within. */
const headBytes = 128;

export interface AgentSnapshotOptions {
  /** The agent's bundle. */
  readonly bundle: Uint8Array;
  /** The guest's Node. */
  readonly node: string;
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/** Puts `agent.blob` into `directory`. */
export async function buildAgentSnapshot(
  directory: string,
  { bundle, node, scratch, signal }: AgentSnapshotOptions,
): Promise<Readonly<Record<string, string>>> {
  const what = 'cannot make a snapshot of the agent';
  const cwd = await mkdtemp(path.join(scratch, 'agent-'));
  await writeFile(path.join(cwd, 'agent.cjs'), bundle);
  // With an empty environment: nothing of this machine gets into the snapshot, and no NODE_OPTIONS change it.
  const flags = [...agentRecipe.flags, ...agentRecipe.makerFlags];
  const run = (...args: readonly string[]): Promise<string> =>
    runProgram('env', ['-i', node, ...flags, ...args], { what, cwd, signal });
  await run('--snapshot-blob', 'agent.blob', '--build-snapshot', 'agent.cjs');
  const tag = Number(await run('--print', 'v8.cachedDataVersionTag()'));
  const snapshot = await readFile(path.join(cwd, 'agent.blob'));
  await writeFile(path.join(directory, 'agent.blob'), withGuestTag(snapshot, tag));
  return {};
}

/** Says in a snapshot that it was made for the guest's processor. @param tag the one that it has */
export function withGuestTag(snapshot: Buffer, tag: number): Buffer {
  const found = Buffer.alloc(4);
  found.writeUInt32LE(tag);
  const head = snapshot.subarray(0, headBytes);
  const at = head.indexOf(found);
  if (at < 0 || head.indexOf(found, at + 1) >= 0) {
    const message = `cannot make a snapshot of the agent: Node ${nodeRecipe.version} describes it in an unknown form`;
    throw new VirtcontainersError('internal', message, { details: { tag } });
  }
  const changed = Buffer.from(snapshot);
  changed.writeUInt32LE(agentRecipe.tag, at);
  return changed;
}
