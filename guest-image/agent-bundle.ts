// The guest's agent as this package has it: one bundle.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf, VirtcontainersError } from '../src/base/errors.js';
import { packageRoot } from './package-root.js';

/** @param bundle default: the one of this package */
export async function readAgent(bundle: string | undefined): Promise<Buffer> {
  const file = bundle ?? path.join(packageRoot(), 'dist/guest/agent.cjs');
  try {
    return await readFile(file);
  } catch (error) {
    throw new VirtcontainersError(
      'not-found',
      `cannot read guest agent ${file}: ${reasonOf(error)}`,
      {
        cause: error,
        hint: 'in a checkout, run npm run build',
      },
    );
  }
}
