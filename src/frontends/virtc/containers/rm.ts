// `virtc rm`: removes containers, with the pod of one that has a pod for itself.
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import type { Runtime } from '../../../model/pod.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { forEach } from './each.js';
import { findContainer, isMadeForContainer, openContainer } from './find.js';
import { removeEmptyPod, unlessGone } from './owned.js';
import { dockerState } from './rows.js';

export interface RmFlags extends CommonFlags {
  readonly force?: boolean;
}

/** Resolves with the exit code: 1 if one could not be removed. With `force` one that is not there is told, and no failure. */
export async function rm(
  names: readonly string[],
  flags: RmFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  const force = flags.force === true;
  const missing = new Set<string>();
  if (force) {
    const pods = await runtime.listPods();
    for (const name of names) {
      if (pods.some((pod) => 'error' in pod && pod.id === name)) continue;
      try {
        findContainer(pods, name, 'remove');
      } catch (error) {
        if (!isVirtcontainersError(error) || error.code !== 'not-found') continue;
        missing.add(name);
        streams.stderr.write(`${printable(`virtc: ${reasonOf(error)}`, 4096)}\n`);
      }
    }
  }
  return forEach(
    names.filter((name) => !missing.has(name)),
    { flags, streams },
    (name) => removeContainer(runtime, name, force),
  );
}

async function removeContainer(runtime: Runtime, name: string, force: boolean): Promise<void> {
  const pods = await runtime.listPods();
  // What a damaged record says cannot be asked; docker's force is ours.
  if (pods.some((pod) => 'error' in pod && pod.id === name)) {
    await runtime.deletePod(name, { force });
    return;
  }
  const found = findContainer(pods, name, 'remove');
  const { container, pod } = found;
  const state = dockerState(found);
  if (!force && (state === 'running' || state === 'paused')) {
    throw new VirtcontainersError(
      'invalid-state',
      `cannot remove container ${container.id}: it is ${state}`,
      { hint: `stop it first, or remove it with virtc rm --force ${container.id}` },
    );
  }
  // Without an owner there is no VM: what its containers had goes together.
  if (state === 'dead' || (isMadeForContainer(pod) && pod.containers.length === 1)) {
    await unlessGone(() => runtime.deletePod(pod.id, { force: true }));
    return;
  }
  await unlessGone(async () => (await openContainer(runtime, found)).delete({ force }));
  await removeEmptyPod(runtime, pod.id);
}
