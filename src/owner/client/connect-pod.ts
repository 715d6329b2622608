// Connects to the owner of a pod: the pod as a program holds it, whoever owns it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../../base/deadline.js';
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../../base/errors.js';
import { dialSocket } from '../../base/sockets/dial-socket.js';
import { version } from '../../base/version.js';
import { ownerHandshakeMs } from '../../model/limits.js';
import type { Pod } from '../../model/pod.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import { podSocketName, protocolVersion } from '../protocol.js';
import { OwnerConnection } from './owner-connection.js';
import { type OwnerStreams, ownerStreams } from './owner-streams.js';
import { RemotePod } from './remote-pod.js';

export interface ConnectOptions {
  readonly podId: string;
  /** The pod's directory, where its owner serves it. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
  /** Default: the raw streams that the owner serves in the same directory. */
  readonly streams?: OwnerStreams;
}

/**
 * A pod that another process owns. The connection keeps this process alive only while a call is pending.
 * @throws VirtcontainersError `unavailable` where nobody serves it, `timeout` where the owner does not answer,
 *   `unsupported` where it speaks another version
 */
export async function connectPod(options: ConnectOptions): Promise<Pod> {
  const { podId, directory, signal } = options;
  const what = `cannot open pod ${podId}`;
  const socket = await dial(what, options);
  const owner = new OwnerConnection(podId, socket, () => !existsSync(directory));
  try {
    const pod = new RemotePod({ owner, streams: options.streams ?? ownerStreams(directory) });
    await owner.hold(
      waitFor(agree(what, owner, pod), { what, signal, timeoutMs: ownerHandshakeMs }),
    );
    return pod;
  } catch (error) {
    owner.close();
    throw error;
  }
}

async function dial(what: string, { podId, directory, signal }: ConnectOptions) {
  try {
    return await dialSocket(path.join(directory, podSocketName), { what, signal });
  } catch (error) {
    if (isVirtcontainersError(error)) throw error;
    const reason = `its owner cannot be reached: ${reasonOf(error)}`;
    throw new VirtcontainersError('unavailable', `${what}: ${reason}`, {
      cause: error,
      hint: `where the owner is dead, delete pod ${podId} with \`deletePod\`, or run gc`,
      details: { reason: 'owner-gone' },
    });
  }
}

// In one breath: the status is asked for before the handshake is answered.
async function agree(what: string, owner: OwnerConnection, pod: RemotePod): Promise<void> {
  const request = { protocolVersion, clientVersion: version };
  const greeting = owner.call(PodService.method.handshake, request, { what });
  const status = pod.status();
  status.catch(() => {});
  const { podId } = await greeting;
  if (podId !== owner.podId) {
    throw new VirtcontainersError('internal', `${what}: its socket serves pod ${podId}`);
  }
  await status;
}
