// What is true of a container by now, asked of its pod's owner; and its pod, where it has one for itself.
import { isVirtcontainersError, VirtcontainersError } from '../../../base/errors.js';
import type { Runtime } from '../../../model/pod.js';
import { type FoundContainer, findContainer, isMadeForContainer } from './find.js';
import type { DockerState } from './rows.js';
import { dockerState } from './rows.js';

/**
 * Refuses what a container's state does not allow, in docker's words.
 * @throws VirtcontainersError `invalid-state`
 */
export function requireDockerState(
  found: FoundContainer,
  what: string,
  allowed: readonly DockerState[],
): void {
  const state = dockerState(found);
  if (allowed.includes(state)) return;
  const { id } = found.container;
  const [reason, hint] = refusals(id)[state];
  throw new VirtcontainersError('invalid-state', `${what}: ${reason}`, {
    hint,
    details: { state },
  });
}

function refusals(id: string): Readonly<Record<DockerState, readonly [string, string]>> {
  return {
    created: ['it has not been started', `virtc start ${id} starts it`],
    running: ['it is running', `virtc stop ${id} stops it`],
    paused: ['it is paused', `virtc unpause ${id} lets it go on`],
    exited: ['it is not running', `virtc start ${id} starts it`],
    dead: ['its owner has ended, and its VM with it', `virtc rm ${id} removes what is left`],
  };
}

/** Finds a container anew for each call: another command may have changed it meanwhile. */
export async function look(
  runtime: Pick<Runtime, 'listPods'>,
  name: string,
  doing: string,
): Promise<FoundContainer> {
  return findContainer(await runtime.listPods(), name, doing);
}

/** Ends the VM of a pod that was made for a container where nothing runs in it any more: what does not run shall hold no memory. */
export async function stopIdlePod(
  runtime: Pick<Runtime, 'openPod' | 'podStatus'>,
  podId: string,
): Promise<void> {
  await unlessGone(async () => {
    const pod = await runtime.podStatus(podId);
    const isIdle = pod.containers.every(({ state }) => state === 'stopped');
    if (!isMadeForContainer(pod) || !isIdle || pod.state === 'stopped') return;
    await (await runtime.openPod(podId)).stop();
  });
}

/** Removes a pod that was made for a container where none is left in it. */
export async function removeEmptyPod(
  runtime: Pick<Runtime, 'deletePod' | 'podStatus'>,
  podId: string,
): Promise<void> {
  await unlessGone(async () => {
    const pod = await runtime.podStatus(podId);
    if (!isMadeForContainer(pod) || pod.containers.length > 0) return;
    await runtime.deletePod(podId, { force: true });
  });
}

/** Does something that is done if its object is no more: another command was quicker. */
export async function unlessGone(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return (
    isVirtcontainersError(error) &&
    (error.code === 'not-found' || error.details['reason'] === 'owner-ended')
  );
}
