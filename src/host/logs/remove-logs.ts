// Removes what a pod has logged.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { validateId } from '../../model/id.js';

/** The directory of a pod's logs. */
export function podLogDirectory(logRoot: string, podId: string): string {
  return path.join(logRoot, validateId('pod', podId));
}

/** Removes all logs of a pod; safe to repeat. */
export async function removeLogs(logRoot: string, podId: string): Promise<void> {
  await rm(podLogDirectory(logRoot, podId), { recursive: true, force: true });
}
