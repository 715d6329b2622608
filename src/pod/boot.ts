// Brings a pod's VM to life and takes it down: share, VM, agent, identity, size, each noted before the next.
import { createHash } from 'node:crypto';
import { waitFor } from '../base/deadline.js';
import { throwIfAborted } from '../base/errors.js';
import { span } from '../base/trace/span.js';
import { Undo } from '../base/undo.js';
import type { Agent, Identity } from '../host/agent/agent.js';
import type { Vm, VmExit } from '../host/hypervisor/hypervisor.js';
import type { Handle } from '../model/handle.js';
import { agentCallTimeoutMs, bootTimeoutMs, vmStopGraceMs } from '../model/limits.js';
import { attempt, vmGone } from './errors.js';
import { LiveVm } from './live-vm.js';
import type { Mechanisms } from './mechanisms.js';
import type { PodPlan } from './plan/plan.js';
import { planVm } from './plan/plan-vm.js';
import type { PodBook } from './pod-record.js';
import type { Steps } from './steps.js';
import { GuestTracing } from './trace/guest-tracing.js';

export interface BootOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly plan: PodPlan;
  readonly book: PodBook;
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/** Boots a pod's VM; on failure or abort nothing of it is left. */
export function bootVm(mechanisms: Mechanisms, options: BootOptions): Promise<LiveVm> {
  const { what, plan, book, steps, signal } = options;
  const { hypervisor, share, log } = mechanisms;
  const { podId } = plan;
  return Undo.run(async (undo) => {
    const image = await span('guest-image', mechanisms.openImage);
    const vmPlan = planVm(plan, image, mechanisms);
    const { runDirectory } = vmPlan;
    const podShare = await steps.run('share', () => share.create({ podId, runDirectory }));
    undo.add('share', async () => {
      await share.release(podShare.handle);
      book.drop(podShare.handle);
    });
    await book.hold(podShare.handle);
    throwIfAborted(signal, what);
    // Also where starting fails: the hypervisor may have told of a handle before.
    const onHandle = (handle: Handle & { readonly kind: 'vm' }): Promise<void> => {
      undo.add('VM', async () => {
        await hypervisor.release(handle);
        book.drop(handle);
      });
      return book.hold(handle);
    };
    const vm = await steps.run('vm-spawn', () =>
      hypervisor.start(vmPlan, { signal, log, onHandle }),
    );
    // What it holds in this process, its console's log among it, a handle does not name.
    undo.add('VM', () => vm.stop({ graceMs: 0 }));
    podShare.attach(vm.mountNamespacePid);
    const agent = await steps.run('vm-boot', () => attachAgent(mechanisms, options, vm));
    undo.add('agent', () => agent.close());
    const tracing = await GuestTracing.begin({ podId, agent, beganMs: vm.runsSinceMs });
    const live = new LiveVm({ vm, agent, share: podShare, tracing });
    const identity = toIdentity(book);
    await steps.run('personalize', () =>
      live.call(
        what,
        () => agent.personalize(identity, { signal, timeoutMs: agentCallTimeoutMs }),
        signal,
      ),
    );
    await growVm(steps, live, { what, size: plan.size, signal });
    throwIfAborted(signal, what);
    return live;
  });
}

/** Grows a VM where it is too small, as a step of its own. */
export async function growVm(
  steps: Steps,
  live: LiveVm,
  to: { readonly what: string; readonly size: PodPlan['size']; readonly signal: AbortSignal },
): Promise<void> {
  const { cpus, memoryMiB } = live.vm.size;
  if (to.size.cpus <= cpus && to.size.memoryMiB <= memoryMiB) return;
  await steps.run('resize', () => live.grow(to.what, to.size, to.signal));
}

/**
 * Ends a VM that may be dead or hung, and releases what it and its share hold.
 * @returns what failed, as text; its handle is then still in the record
 */
export async function endVm(
  mechanisms: Mechanisms,
  book: PodBook,
  live: LiveVm,
): Promise<readonly string[]> {
  live.agent.close();
  const vmHandle = live.vm.handle;
  const shareHandle = live.share.handle;
  const stopped = await attempt('VM', () => live.vm.stop({ graceMs: vmStopGraceMs }));
  const failures = [
    // Not only where stopping failed: release is what promises that nothing is left.
    ...(await attempt('VM', () => mechanisms.hypervisor.release(vmHandle))),
  ];
  if (failures.length === 0) book.drop(held(book, vmHandle));
  else failures.unshift(...stopped);
  const closed = await attempt('share', () => live.share.close());
  const released =
    closed.length === 0 ? [] : await attempt('share', () => mechanisms.share.release(shareHandle));
  if (released.length === 0) book.drop(held(book, shareHandle));
  return [...failures, ...released];
}

// A mechanism may hand out an equal object instead of the one that was noted.
function held(book: PodBook, handle: Handle): Handle {
  const text = JSON.stringify(handle);
  return book.record.handles.find((candidate) => JSON.stringify(candidate) === text) ?? handle;
}

// An attach ends when the VM does: nobody will answer then. An agent that comes too late is let go.
async function attachAgent(mechanisms: Mechanisms, options: BootOptions, vm: Vm): Promise<Agent> {
  const { what, signal } = options;
  const attaching = new AbortController();
  const forward = (): void => attaching.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener('abort', forward, { once: true });
  let exit: VmExit | undefined;
  let waiting = true;
  const died = vm.exited.then((ended) => {
    exit = ended;
    if (waiting) attaching.abort(ended.reason);
    throw vmGone(what, ended);
  });
  const attached = mechanisms.agents.attach(() => vm.dialAgent(attaching.signal), {
    podId: options.plan.podId,
    timeoutMs: bootTimeoutMs,
    signal: attaching.signal,
  });
  attached.then(
    (agent) => waiting || agent.close(),
    () => {},
  );
  died.catch(() => {});
  try {
    return await waitFor(Promise.race([attached, died]), { what, signal });
  } catch (error) {
    attaching.abort(error);
    throw exit === undefined ? error : vmGone(what, exit);
  } finally {
    waiting = false;
    signal.removeEventListener('abort', forward);
  }
}

/** What makes a VM this pod's own. */
export function toIdentity({ record }: PodBook): Identity {
  const { id, hostname } = record.config;
  return { hostname, machineId: machineId(id, record.createdAt) };
}

// Stable for a pod across its restarts, and told to nobody else.
function machineId(podId: string, createdAt: string): string {
  return createHash('sha256').update(`${podId}\0${createdAt}`).digest('hex').slice(0, 32);
}
