// Brings a pod's VM to life and takes it down: share, VM, agent, identity, size, each noted before the next.
import { createHash } from 'node:crypto';
import { hasLeftovers, reasonOf, throwIfAborted, withDetails } from '../base/errors.js';
import { span } from '../base/trace/span.js';
import { Undo } from '../base/undo.js';
import type { Identity } from '../host/agent/agent.js';
import type { VmPlan } from '../host/hypervisor/hypervisor.js';
import type { Handle } from '../model/handle.js';
import { agentCallTimeoutMs, bootTimeoutMs, vmStopGraceMs } from '../model/limits.js';
import { attachAgent } from './attach-agent.js';
import { attempt } from './errors.js';
import { holds, LiveVm } from './live-vm.js';
import type { Mechanisms } from './mechanisms.js';
import type { PodPlan } from './plan/plan.js';
import { planVm } from './plan/plan-vm.js';
import type { PodBook } from './pod-record.js';
import type { Steps } from './steps.js';
import type { PodTemplates } from './templates/pod-templates.js';
import { GuestTracing } from './trace/guest-tracing.js';

export interface BootOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly plan: PodPlan;
  readonly book: PodBook;
  readonly steps: Steps;
  /** What it may be cloned from; null boots it cold. */
  readonly templates: PodTemplates | null;
  readonly signal: AbortSignal;
}

/**
 * Brings a pod's VM to life, as a clone where there is a template; on failure or abort nothing of it is left.
 * A template that cannot be had, or whose clone fails, costs time and a warning, and the pod boots cold; where that fails
 * as well, its error says in `cloneError` what the clone failed of.
 */
export function bootVm(mechanisms: Mechanisms, options: BootOptions): Promise<LiveVm> {
  const { what, plan, steps, signal } = options;
  return Undo.run(async (undo) => {
    const image = await span('guest-image', mechanisms.openImage);
    const vmPlan = planVm(plan, image, mechanisms);
    const live = await cloneOrBoot(mechanisms, { ...options, vmPlan, undo });
    await growVm(steps, live, { what, size: plan.size, signal });
    throwIfAborted(signal, what);
    return live;
  });
}

interface BringUpOptions extends BootOptions {
  readonly vmPlan: VmPlan;
  /** Gets what takes the VM down again. */
  readonly undo: Undo;
}

async function cloneOrBoot(mechanisms: Mechanisms, options: BringUpOptions): Promise<LiveVm> {
  const { templates, steps, vmPlan, signal } = options;
  const boot = (): Promise<LiveVm> => bringUp(mechanisms, options, () => bootTimeoutMs);
  const template = (await templates?.obtain(vmPlan, { steps, signal })) ?? null;
  if (templates === null || template === null) return boot();
  let cloneError: unknown;
  try {
    const clone = { ...vmPlan, origin: { kind: 'clone', template } } as const;
    const live = await templates.cloning((timeoutMs) =>
      bringUp(mechanisms, { ...options, vmPlan: clone }, timeoutMs),
    );
    await templates.cloneWorks(template);
    return live;
  } catch (error) {
    if (signal.aborted || hasLeftovers(error)) throw error;
    cloneError = error;
  }
  try {
    const live = await boot();
    // Not before: where it cannot boot either, the template has no part in that.
    await templates.cloneFailed(template, vmPlan.podId, cloneError);
    return live;
  } catch (error) {
    if (signal.aborted) throw error;
    throw withDetails(error, { cloneError: reasonOf(cloneError) });
  }
}

/** Share, VM, agent and identity; on failure or abort nothing of it is left. */
function bringUp(
  mechanisms: Mechanisms,
  options: BringUpOptions,
  timeoutMs: () => number,
): Promise<LiveVm> {
  const { what, book, steps, signal, vmPlan, undo: outer } = options;
  const { hypervisor, share, log } = mechanisms;
  const { podId, runDirectory, origin } = vmPlan;
  return Undo.run(async (undo) => {
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
    const agent = await steps.run('vm-boot', () =>
      attachAgent(mechanisms.agents, vm, { what, podId, timeoutMs: timeoutMs(), signal }),
    );
    undo.add('agent', () => agent.close());
    const isClone = origin.kind === 'clone';
    const tracing = await GuestTracing.begin({ podId, agent, isClone, beganMs: vm.runsSinceMs });
    const live = new LiveVm({ vm, agent, share: podShare, tracing, isClone });
    const bounds = { signal, timeoutMs: Math.min(timeoutMs(), agentCallTimeoutMs) };
    await personalize(steps, live, { what, identity: toIdentity(book), ...bounds });
    throwIfAborted(signal, what);
    outer.add('VM', async () => {
      const failures = await undo.unwind();
      if (failures.length > 0) throw new Error(failures.join('; '));
    });
    return live;
  });
}

/** Makes a guest a pod's own, as a step of its own. */
export async function personalize(
  steps: Steps,
  live: LiveVm,
  to: {
    readonly what: string;
    readonly identity: Identity;
    readonly signal: AbortSignal;
    /** Milliseconds; default `agentCallTimeoutMs`. */
    readonly timeoutMs?: number;
  },
): Promise<void> {
  const { what, identity, signal, timeoutMs = agentCallTimeoutMs } = to;
  await steps.run('personalize', () =>
    live.call(what, (agent) => agent.personalize(identity, { signal, timeoutMs }), signal),
  );
}

/** Grows a VM where it is too small, as a step of its own. */
export async function growVm(
  steps: Steps,
  live: LiveVm,
  to: { readonly what: string; readonly size: PodPlan['size']; readonly signal: AbortSignal },
): Promise<void> {
  if (holds(live.size, to.size)) return;
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

/** What makes a VM this pod's own. */
export function toIdentity({ record }: PodBook): Identity {
  const { id, hostname } = record.config;
  return { hostname, machineId: machineId(id, record.createdAt) };
}

// Stable for a pod across its restarts, and told to nobody else.
function machineId(podId: string, createdAt: string): string {
  return createHash('sha256').update(`${podId}\0${createdAt}`).digest('hex').slice(0, 32);
}
