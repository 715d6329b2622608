// Connects to the owner of a pod, and ends an owner that does not answer.
import { sleep } from '../base/deadline.js';
import {
  abortError,
  isVirtcontainersError,
  reasonOf,
  VirtcontainersError,
} from '../base/errors.js';
import { killProcess, waitForDeath } from '../base/process-handle.js';
import type { PodRecord, Store } from '../host/store/store.js';
import { ownerHandshakeMs } from '../model/limits.js';
import type { Pod } from '../model/pod.js';

/** Whom to ask for a pod. */
export interface PodPlace {
  readonly podId: string;
  /** The pod's run directory, with its sockets. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/** @throws VirtcontainersError `unavailable` where nobody serves the pod */
export type Connect = (place: PodPlace) => Promise<Pod>;

export interface ReachOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  /** How long the owner may take, in milliseconds. Default `ownerHandshakeMs` of the limits. */
  readonly answerMs?: number | undefined;
}

/** Between two attempts, in milliseconds. */
const retryMs = 50;
/** How long a process that ends may take from the end of its connections on, in milliseconds. */
const leavingMs = 3_000;
/** How long the kernel may take to end a process, in milliseconds. */
const deathMs = 5_000;

/**
 * The pod of another process, through that process; one that does not serve it yet is waited for, a bounded time.
 * @throws VirtcontainersError `unavailable` where the owner has ended or does not answer; AbortError
 */
export async function reachPod(
  { store, connect }: { readonly store: Store; readonly connect: Connect },
  podId: string,
  { what, signal, answerMs = ownerHandshakeMs }: ReachOptions,
): Promise<Pod> {
  const directory = store.directoryOf(podId);
  const bound = AbortSignal.timeout(answerMs);
  const either = signal === undefined ? bound : AbortSignal.any([signal, bound]);
  for (;;) {
    try {
      return await connect({ podId, directory, signal: either });
    } catch (error) {
      if (signal?.aborted) throw abortError(signal, what);
      const isSilent = bound.aborted;
      if (!isSilent && !isUnavailable(error)) throw error;
      if (!(await store.hasLiveOwner(podId))) throw ownerEnded(what, podId);
      if (isSilent) throw ownerSilent(what, error);
    }
    await sleep(retryMs, either).catch(() => {});
  }
}

/** The error of a pod whose owner is dead. */
export function ownerEnded(what: string, podId: string): VirtcontainersError {
  return new VirtcontainersError('unavailable', `${what}: its owner has ended`, {
    hint: `its VM has ended with it: gc() of the library removes what dead owners have left, deletePod('${podId}') this pod alone`,
    details: { reason: 'owner-ended' },
  });
}

function ownerSilent(what: string, last: unknown): VirtcontainersError {
  return new VirtcontainersError('unavailable', `${what}: its owner does not answer`, {
    cause: last,
    hint: 'try again, or delete the pod with `force`',
    details: { reason: 'owner-silent', last: reasonOf(last) },
  });
}

/** Whether an owner could not be asked, or did not answer. */
export function isUnavailable(error: unknown): boolean {
  return isVirtcontainersError(error) && (error.code === 'unavailable' || error.code === 'timeout');
}

/** Whether an owner could not be asked: also one of another version, whose pods can be deleted all the same. */
export function cannotBeAsked(error: unknown): boolean {
  if (isUnavailable(error)) return true;
  return isVirtcontainersError(error) && error.details['reason'] === 'protocol-version';
}

/** Whether the owner of a pod is dead, after a call that failed; one that has let go of the caller may be about to end. */
export async function ownerEnds(store: Store, podId: string, error: unknown): Promise<boolean> {
  const letGo = isVirtcontainersError(error) && error.details['reason'] === 'owner-gone';
  const deadline = performance.now() + (letGo ? leavingMs : 0);
  while (await store.hasLiveOwner(podId)) {
    if (performance.now() >= deadline) return false;
    await sleep(retryMs);
  }
  return true;
}

/**
 * Ends the process that owns a pod and nothing else; resolves when it is dead. A program that has pods of its own is not ended.
 * @throws VirtcontainersError `unavailable`
 */
export async function endOwner(what: string, store: Store, record: PodRecord): Promise<void> {
  const { owner, detached, config } = record;
  if (!detached) {
    throw new VirtcontainersError(
      'unavailable',
      `${what}: process ${owner.pid} owns it and does not answer`,
      { hint: 'end that process: its pods end with it', details: { ownerPid: owner.pid } },
    );
  }
  killProcess(owner, 'SIGKILL');
  const deadline = performance.now() + deathMs;
  // Its first thread can be gone while others still hold the pod's lock.
  let isDead = await waitForDeath(owner, deathMs);
  while (isDead && (await store.hasLiveOwner(config.id))) {
    isDead = performance.now() < deadline;
    await sleep(retryMs);
  }
  if (isDead) return;
  throw new VirtcontainersError(
    'unavailable',
    `${what}: its shim, process ${owner.pid}, does not end`,
  );
}
