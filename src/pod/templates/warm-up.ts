// Has a template's guest do beforehand what every clone does first, so that its code and its caches are there.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '../../base/errors.js';
import type { Agent, GuestContainer, ProcessRef } from '../../host/agent/agent.js';
import type { PodShare } from '../../host/share/share.js';
import type { Defaults } from '../../model/defaults.js';
import { streamChunkBytes, warmUpCallTimeoutMs } from '../../model/limits.js';
import { parseContainerOptions } from '../../model/parse/container-options.js';
import type { LiveVm } from '../live-vm.js';
import { planGuest } from '../plan/plan-guest.js';

/** What is done once is still slow in a clone; from the eighth time on nothing gets faster. */
const rounds = 8;
/** A pod that waits was warmed up as a template; once more translates what it runs, the second time ties it together. */
const rehearsals = 2;
const hostname = 'template';
const command = ['/bin/echo', 'warm'];

export interface WarmUpOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  /** A directory of the builder's. */
  readonly scratch: string;
  readonly share: PodShare;
  readonly defaults: Defaults;
  /** Begins a connection to the agent; the one before is closed. */
  readonly attach: () => Promise<Agent>;
  readonly signal: AbortSignal;
}

/**
 * Runs containers from a root that is served as a pod's would be, and ends with the shares let go and the agent at rest.
 * @returns the last connection, which is open
 */
export async function warmUp(options: WarmUpOptions): Promise<Agent> {
  const { what, share, scratch, defaults, signal } = options;
  const bounds = { signal, timeoutMs: warmUpCallTimeoutMs };
  const container = await warmContainer(share, scratch, defaults);
  for (let round = 1; ; round += 1) {
    throwIfAborted(signal, what);
    const agent = await options.attach();
    try {
      const machineId = randomBytes(16).toString('hex');
      await agent.personalize({ hostname, machineId }, bounds);
      await runContainer(agent, { ...container, containerId: `warm-${round}` }, bounds);
      await agent.quiesce(bounds);
    } catch (error) {
      agent.close();
      throw error;
    }
    if (round === rounds) return agent;
    agent.close();
  }
}

/** The same in a pod that waits, whose shares stay mounted: the emulator's translated code is then there, too. */
export async function rehearse(
  live: LiveVm,
  { directory, defaults }: { readonly directory: string; readonly defaults: Defaults },
): Promise<void> {
  const what = 'cannot warm up';
  const container = await warmContainer(live.share, directory, defaults);
  const bounds = { signal: undefined, timeoutMs: warmUpCallTimeoutMs };
  for (let round = 1; round <= rehearsals; round += 1) {
    const next = { ...container, containerId: `warm-${round}` };
    await live.call(what, (agent) => runContainer(agent, next, bounds));
  }
}

/** What each round runs; only its id is the round's. */
async function warmContainer(
  share: PodShare,
  directory: string,
  defaults: Defaults,
): Promise<Omit<GuestContainer, 'containerId'>> {
  const rootfs = await makeRoot(directory);
  const source = await share.bind({ source: rootfs, readOnly: true, cached: true });
  const config = await parseContainerOptions({ rootfs, command }, defaults);
  const { spec } = planGuest('cannot warm up', config, hostname);
  return {
    specJson: JSON.stringify({ ...spec, mounts: [...spec.mounts, busyboxMount] }),
    root: { kind: 'directory', source, discardWrites: true },
    sharedMounts: [],
    stdin: false,
    terminalSize: null,
  };
}

/** The program comes from the guest image, none from the host. */
const busyboxMount = {
  destination: command[0],
  type: 'bind',
  source: 'virtc-guest:busybox',
  options: ['bind', 'rprivate', 'nosuid', 'nodev', 'ro'],
};

/** What a root needs for the guest's busybox to be mounted into it: no program comes from the host. */
async function makeRoot(scratch: string): Promise<string> {
  const root = path.join(scratch, 'warm-root');
  for (const name of ['', 'bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) {
    await mkdir(path.join(root, name), { mode: 0o755 });
  }
  await writeFile(path.join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  await writeFile(path.join(root, 'etc/group'), 'root:x:0:\n');
  const program = path.join(root, command[0] ?? '');
  await writeFile(program, '');
  await chmod(program, 0o755);
  return root;
}

interface Bounds {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

async function runContainer(
  agent: Agent,
  container: GuestContainer,
  bounds: Bounds,
): Promise<void> {
  const { containerId } = container;
  const init = { containerId, processId: '' };
  await agent.createContainer(container, bounds);
  await agent.startContainer(containerId, bounds);
  await draw(agent, init, bounds);
  await agent.destroyContainer(containerId, bounds);
}

/** Reads all that a process writes, and its end. */
async function draw(agent: Agent, process: ProcessRef, bounds: Bounds): Promise<void> {
  const read = async (stream: 'stdout' | 'stderr'): Promise<void> => {
    for (let offset = 0n; ; ) {
      const range = { stream, offset, acknowledged: offset, maxBytes: streamChunkBytes };
      const { data, end } = await agent.readOutput(process, range, bounds);
      offset += BigInt(data.length);
      if (end) return;
    }
  };
  await Promise.all([read('stdout'), read('stderr'), agent.wait(process, bounds)]);
}
