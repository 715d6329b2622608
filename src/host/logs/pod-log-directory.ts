// Where a pod's logs lie, and what they are called.
import path from 'node:path';
import { validateId } from '../../model/id.js';

/** The directory of a pod's logs; the store removes it with the pod. */
export function podLogDirectory(logRoot: string, podId: string): string {
  return path.join(logRoot, validateId('pod', podId));
}

/** The name of a container's log, which is no other log's. */
export function containerLogName(containerId: string): string {
  return `container.${validateId('container', containerId)}`;
}
