// `virtc pod start`, `stop`, `pause`, `resume`, `rm` and `inspect`: what is done to pods as a whole.
import { VirtcontainersError } from '../../../base/errors.js';
import type { Pod, PodListEntry, Runtime } from '../../../model/pod.js';
import type { VerbContext } from '../containers/context.js';
import { forEach } from '../containers/each.js';
import { findPod } from '../containers/find.js';
import { inspectAll, toPodDocument } from '../containers/inspect.js';
import type { ListContext } from '../containers/list-context.js';
import { unlessGone } from '../containers/owned.js';
import { type StopFlags, toGraceMs } from '../containers/stop.js';
import type { CommonFlags } from '../settings.js';

/** What each of these verbs is given, and its exit code: 1 if it could not be done to one of them. */
type PodVerb<Flags = CommonFlags, Context = VerbContext> = (
  names: readonly string[],
  flags: Flags,
  context: Context,
) => Promise<number>;

/** Starts every container that is ready; a stopped pod boots anew and starts all. */
export const startPods: PodVerb = (names, flags, context) =>
  onEach(names, flags, context, { doing: 'start', work: (pod) => pod.start() });

export const pausePods: PodVerb = (names, flags, context) =>
  onEach(names, flags, context, { doing: 'pause', work: (pod) => pod.pause() });

export const resumePods: PodVerb = (names, flags, context) =>
  onEach(names, flags, context, { doing: 'resume', work: (pod) => pod.resume() });

/** Stops the containers, then the VM. */
export const stopPods: PodVerb<StopFlags> = (names, flags, context) => {
  const graceMs = toGraceMs(flags);
  const options = graceMs === null ? {} : { graceMs };
  return onEach(names, flags, context, { doing: 'stop', work: (pod) => pod.stop(options) });
};

/** Removes pods with all that is in them; what runs only by force. */
export const removePods: PodVerb<CommonFlags & { readonly force?: boolean }> = (
  names,
  flags,
  { runtime, streams },
) =>
  forEach(names, { flags, streams }, async (name) => {
    const pod = findPod(await runtime.listPods(), name, 'remove');
    if (flags.force !== true) requireIdle(pod);
    // A damaged record is removed only where that is asked for.
    const force = flags.force === true || !('error' in pod);
    await unlessGone(() => runtime.deletePod(pod.id, { force }));
  });

export const inspectPods: PodVerb<CommonFlags, ListContext> = (names, flags, context) =>
  inspectAll(names, flags, context, (pods, name) => toPodDocument(findPod(pods, name, 'inspect')));

function onEach(
  names: readonly string[],
  flags: CommonFlags,
  { runtime, streams }: VerbContext,
  { doing, work }: { readonly doing: string; readonly work: (pod: Pod) => Promise<void> },
): Promise<number> {
  return forEach(names, { flags, streams }, async (name) => work(await open(runtime, name, doing)));
}

async function open(
  runtime: Pick<Runtime, 'listPods' | 'openPod'>,
  name: string,
  doing: string,
): Promise<Pod> {
  const found = findPod(await runtime.listPods(), name, doing);
  const what = `cannot ${doing} pod ${found.id}`;
  if ('error' in found) {
    throw new VirtcontainersError('invalid-state', `${what}: ${found.error}`, {
      hint: `virtc pod rm --force ${found.id} removes it`,
    });
  }
  if (!found.ownerAlive) {
    throw new VirtcontainersError(
      'invalid-state',
      `${what}: its owner has ended, and its VM with it`,
      { hint: `virtc pod rm ${found.id} removes what is left` },
    );
  }
  return runtime.openPod(found.id);
}

/** A VM in which nothing runs holds nothing that would be lost. */
function requireIdle(pod: PodListEntry): void {
  if ('error' in pod || !pod.ownerAlive) return;
  const busy = pod.containers.find(({ state }) => state === 'running' || state === 'paused');
  if (busy === undefined) return;
  throw new VirtcontainersError(
    'invalid-state',
    `cannot remove pod ${pod.id}: container ${busy.id} in it is ${busy.state}`,
    { hint: `stop it first, or remove it with virtc pod rm --force ${pod.id}` },
  );
}
