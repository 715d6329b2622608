// Starts one QEMU: the steps in their order, each undone if a later one fails.
import { mkdir, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { waitFor } from '../../../base/deadline.js';
import { abortError, reasonOf, throwIfAborted, VirtcontainersError } from '../../../base/errors.js';
import type { JailSpec } from '../../../base/namespaces/jail.js';
import { dialSocket } from '../../../base/sockets/dial-socket.js';
import { monotonicMs, recording, span } from '../../../base/trace/span.js';
import { Undo } from '../../../base/undo.js';
import type { VmHandle } from '../../../model/handle.js';
import { BoundedLog } from '../../logs/bounded-log.js';
import type { Accelerator, StartOptions, VmPlan } from '../hypervisor.js';
import type { CgroupMaker } from './cgroup-maker.js';
import { vmDirectory } from './command-line.js';
import { dialWhenThere } from './dial.js';
import { GuestConsole } from './guest-console.js';
import { makeMemoryFile, memoryEnvironment, memoryLinks } from './memory-file.js';
import { QemuProcess, type Spawn } from './qemu-process.js';
import { QemuVm } from './qemu-vm.js';
import { QmpClient } from './qmp-client.js';
import { VmParts, vmGone } from './vm-parts.js';
import { hypervisorName, type SocketName, socketNames } from './vm-shape.js';
import { loadState } from './vm-state.js';

/** Longest wait for QEMU to answer, in milliseconds: 50 on a quiet machine. */
const qemuStartMs = 30_000;

export interface StartContext {
  readonly plan: VmPlan;
  readonly options: StartOptions;
  readonly accelerator: Accelerator;
  readonly argv: readonly string[];
  readonly spawn: Spawn;
  readonly cgroups: CgroupMaker;
  /** Where the console's log goes; null keeps only its end in memory. */
  readonly logDirectory: string | null;
}

export async function startVm(context: StartContext): Promise<QemuVm> {
  const what = `cannot start VM ${context.plan.podId}`;
  throwIfAborted(context.options.signal, what);
  return Undo.run(async (undo) => {
    const { plan, accelerator } = context;
    const directory = await makeVmDirectory(plan, undo);
    await makeMemory(plan, undo);
    const console = await openConsole(context, undo);
    const cgroups = span('cgroups', () => makeCgroups(context, undo));
    const parts = await span('jail', () => spawnQemu(context, console, undo));
    const trace = recording();
    const endStart = trace?.open('start', 'qemu');
    let runsSinceMs = 0;
    const handle: VmHandle = {
      kind: 'vm',
      hypervisor: hypervisorName,
      process: parts.process.handle,
      cgroups,
    };
    const { qmp, sockets, agentChannel } = await guarded(context, parts, async (signal) => {
      context.cgroups.add(cgroups, parts.process.pid);
      // The record is written while QEMU starts.
      const [connected] = await Promise.all([
        span('qmp', () => connect(directory, parts, { signal, what })),
        context.options.onHandle(handle),
      ]);
      // All sockets are there, and nothing of the guest's has run: from here on it can leave us nothing to remove.
      endStart?.();
      const channel = await wake(context, { parts, qmp: connected.qmp, undo }, { signal, what });
      runsSinceMs = monotonicMs();
      await span('cont', () => connected.qmp.execute('cont', undefined, { signal }));
      return { ...connected, agentChannel: channel };
    });
    if (trace !== undefined) void parts.exited.then(trace.open('run', 'qemu'));
    const release = async (): Promise<void> => {
      await console.close();
      await context.cgroups.remove(cgroups);
      await rm(directory, { recursive: true, force: true });
    };
    const allowMemory = (memoryMiB: number): void => context.cgroups.bound(cgroups, memoryMiB);
    return new QemuVm({
      plan,
      accelerator,
      handle,
      parts,
      qmp,
      runsSinceMs,
      agentChannel,
      sockets,
      allowMemory,
      release,
    });
  });
}

/** Made anew: what an earlier VM of this pod left there, its sockets among it, must not be taken for this one's. */
async function makeVmDirectory(plan: VmPlan, undo: Undo): Promise<string> {
  const directory = vmDirectory(plan);
  const remove = () => rm(directory, { recursive: true, force: true });
  await remove();
  await mkdir(directory, { mode: 0o700 });
  undo.add(`remove ${directory}`, remove);
  return directory;
}

async function makeMemory({ origin, bootMemoryMiB }: VmPlan, undo: Undo): Promise<void> {
  if (origin.kind !== 'template') return;
  const { memory } = origin;
  await makeMemoryFile(memory, bootMemoryMiB);
  undo.add(`remove ${memory}`, () => rm(memory, { force: true }));
}

/**
 * Does what comes between QEMU's start and the guest's first instruction.
 * @returns the agent's channel where it is opened already: a clone's guest then finds its host there and is told of no change
 */
async function wake(
  { plan }: StartContext,
  { parts, qmp, undo }: { readonly parts: VmParts; readonly qmp: QmpClient; readonly undo: Undo },
  options: { readonly signal: AbortSignal; readonly what: string },
): Promise<Socket | null> {
  // A template's VM runs nothing but the guest image, and must still be able to write its memory's file.
  if (plan.origin.kind === 'template') return null;
  const sealed = waitFor(
    span('seal', () => parts.process.seal()),
    options,
  );
  if (plan.origin.kind === 'boot') {
    await sealed;
    return null;
  }
  // Told below, where nothing else has failed before.
  sealed.catch(() => {});
  const channel = await dialSocket(`${vmDirectory(plan)}/${socketNames.agent}`, options);
  // It may end before anybody has asked for it.
  channel.on('error', () => {});
  undo.add("close the agent's channel", () => void channel.destroy());
  await Promise.all([sealed, span('load', () => loadState(qmp, options))]);
  return channel;
}

async function openConsole({ logDirectory }: StartContext, undo: Undo): Promise<GuestConsole> {
  const log =
    logDirectory === null
      ? null
      : await BoundedLog.open({ directory: logDirectory, name: 'console' });
  const console = new GuestConsole(log);
  undo.add("close the console's log", () => console.close());
  return console;
}

function makeCgroups({ plan, options, cgroups }: StartContext, undo: Undo): readonly string[] {
  const made = cgroups.create(plan, options.log);
  undo.add('remove the cgroups', () => cgroups.remove(made));
  return made;
}

async function spawnQemu(
  context: StartContext,
  console: GuestConsole,
  undo: Undo,
): Promise<VmParts> {
  const process = await spawn(context);
  try {
    const parts = new VmParts(new QemuProcess(process), console);
    undo.add('kill QEMU', () => parts.kill('its start failed'));
    return parts;
  } catch (error) {
    // It could not be looked at, for want of descriptors: nobody has it, and nobody else would end it.
    process.kill('SIGKILL');
    await process.exited;
    throw error;
  }
}

async function spawn({ plan, argv, accelerator, ...context }: StartContext) {
  try {
    return await context.spawn(toJailSpec(plan, argv, accelerator.kind));
  } catch (error) {
    const missing = error instanceof VirtcontainersError && error.code === 'not-found';
    const reason = reasonOf(error);
    throw new VirtcontainersError(
      missing ? 'not-found' : 'unavailable',
      `cannot start VM ${plan.podId}: ${reason}`,
      {
        cause: error,
        // Else it is about a path that QEMU was to see.
        ...(reason.startsWith('cannot start ') ? { hint: qemuHint } : {}),
      },
    );
  }
}

/** How to get QEMU. */
const qemuHint = "run 'virtc setup', or install QEMU (Debian: the package qemu-system-x86)";

/** Everything QEMU may see: its own directory, the image, the shares. */
export function toJailSpec(
  plan: VmPlan,
  argv: readonly string[],
  accelerator: Accelerator['kind'],
): JailSpec {
  const { origin } = plan;
  const isClone = origin.kind === 'clone';
  return {
    argv,
    env: { PATH: '/usr/bin:/bin', ...memoryEnvironment(plan) },
    cwd: vmDirectory(plan),
    readOnlyPaths: [plan.image.directory, ...(isClone ? [origin.template.memory] : [])],
    links: memoryLinks(plan),
    writablePaths: [vmDirectory(plan), ...(origin.kind === 'template' ? [origin.memory] : [])],
    inherited: isClone ? [origin.template.state] : [],
    exports: plan.shares.map(({ directory }) => directory),
    devices: accelerator === 'kvm' ? ['null', 'urandom', 'kvm'] : ['null', 'urandom'],
    needsFileCapabilities: plan.shares.length > 0,
  };
}

async function connect(
  directory: string,
  parts: VmParts,
  options: { readonly signal: AbortSignal; readonly what: string },
): Promise<{ readonly qmp: QmpClient; readonly sockets: readonly Socket[] }> {
  const dial = (name: SocketName) => dialWhenThere(`${directory}/${socketNames[name]}`, options);
  const qmpSocket = await dial('qmp');
  const qmp = await QmpClient.connect(qmpSocket, {
    signal: options.signal,
    timeoutMs: qemuStartMs,
  });
  parts.attachQmp(qmp);
  const consoleSocket = await dial('console');
  parts.console.follow(consoleSocket);
  return { qmp, sockets: [qmpSocket, consoleSocket] };
}

/**
 * Runs `action` with a signal that fires when the caller gives up, when QEMU has ended and when it takes too long;
 * what comes out then says which of them it was.
 */
async function guarded<T>(
  { plan, options }: StartContext,
  parts: VmParts,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const what = `cannot start VM ${plan.podId}`;
  const ended = new AbortController();
  const tooLong = AbortSignal.timeout(qemuStartMs);
  const { signal } = options;
  void parts.exited.then(() => ended.abort());
  const all = [ended.signal, tooLong, ...(signal === undefined ? [] : [signal])];
  try {
    return await action(AbortSignal.any(all));
  } catch (error) {
    if (signal?.aborted) throw abortError(signal, what);
    if (ended.signal.aborted || !tooLong.aborted) {
      return await parts.during(what, () => Promise.reject(error));
    }
    await parts.kill(`QEMU did not answer within ${qemuStartMs} ms`);
    throw vmGone(what, await parts.exited, error);
  }
}
