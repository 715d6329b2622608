// Opens the sockets of a pod that this process owns: its control plane and its raw streams.
import { VirtcontainersError } from '../base/errors.js';
import { version } from '../base/version.js';
import type { Pod } from '../model/pod.js';
import type { KeptOutputs } from './io/kept-outputs.js';
import { ownStreams } from './io/own-streams.js';
import { type IoProcess, serveIo } from './io/serve-io.js';
import { type PodServer, servePod } from './pod-server.js';

export interface OpenSocketsOptions {
  /** The pod's own directory. */
  readonly directory: string;
  /** What containers print, where this process keeps it; null where its program reads it. */
  readonly outputs: KeptOutputs | null;
}

/** @throws the system's error where a socket cannot be made; then neither is there */
export async function openSockets(
  pod: Pod,
  { directory, outputs }: OpenSocketsOptions,
): Promise<PodServer> {
  const server = await servePod(pod, { directory, version, keepsOutput: outputs !== null });
  const find = (containerId: string, processId: string | null): IoProcess => {
    // Also where it is kept: what there is no container of is said in one way.
    const process = server.findProcess(containerId, processId);
    if (processId !== null) return ownStreams(process);
    return outputs === null ? notKept(containerId) : outputs.find(containerId);
  };
  try {
    const io = await serveIo({ directory, find });
    return {
      findProcess: (containerId, processId) => server.findProcess(containerId, processId),
      close: async () => {
        await Promise.all([server.close(), io.close()]);
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

function notKept(containerId: string): never {
  throw new VirtcontainersError(
    'unsupported',
    `cannot open a stream of container ${containerId}: it is read by the program that owns the pod`,
    { hint: 'make the pod with `detached: true`, or add a process with `exec`' },
  );
}
