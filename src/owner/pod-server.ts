// Serves a pod of this process on a socket in its directory, so that other processes of its user can use it.
import type { Socket } from 'node:net';
import { type ListeningSocket, listenOn } from '../base/sockets/listen-on.js';
import { maxOwnerConnections, ownerCloseMs, ownerHandshakeMs } from '../model/limits.js';
import type { Pod, Process } from '../model/pod.js';
import { settlesWithin } from '../pod/settle.js';
import { type ServerConnection, serve } from '../wire/ttrpc/index.js';
import { podSocketName } from './protocol.js';
import { createPodService } from './server/pod-service.js';
import { findProcess } from './server/served.js';
import { ServedConnection } from './server/served-connection.js';
import { ServedProcesses } from './server/served-processes.js';

export interface PodServerOptions {
  /** The pod's own directory, which nobody else may enter. */
  readonly directory: string;
  /** This program's version, which clients are told. */
  readonly version: string;
  /** Whether this process draws and keeps the output of containers, so that clients can read it. */
  readonly keepsOutput: boolean;
}

/** A pod that is being served; nothing of it keeps the process alive. */
export interface PodServer {
  /**
   * A process of the pod that clients can ask for: a container's first one (null), or one that a client has added.
   * @throws VirtcontainersError `not-found`
   */
  findProcess(containerId: string, processId: string | null): Process;
  /** Lets calls that are about to be answered end, for a second at the most, then ends all connections. Safe to repeat. */
  close(): Promise<void>;
}

/**
 * Serves a pod that this process owns.
 * @throws the system's error where the socket cannot be made
 */
export async function servePod(pod: Pod, options: PodServerOptions): Promise<PodServer> {
  const server = new PodSocketServer(pod, options);
  await server.open();
  return server;
}

class PodSocketServer implements PodServer {
  readonly #pod: Pod;
  readonly #options: PodServerOptions;
  readonly #processes = new ServedProcesses();
  readonly #connections = new Map<ServerConnection, ServedConnection>();
  #socket: ListeningSocket | undefined;
  #closing: Promise<void> | undefined;

  constructor(pod: Pod, options: PodServerOptions) {
    this.#pod = pod;
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#socket = await listenOn(this.#options.directory, podSocketName, {
      maxConnections: maxOwnerConnections,
      onConnection: (socket) => this.#accept(socket),
    });
  }

  findProcess(containerId: string, processId: string | null): Process {
    const served = { pod: this.#pod, processes: this.#processes };
    return findProcess(served, { containerId, processId: processId ?? '' });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#socket?.close();
    const running = [...this.#connections.values()].map((connection) => connection.idle());
    await settlesWithin(Promise.all(running), ownerCloseMs);
    // Answers leave in the turn in which their calls end.
    await new Promise((resolve) => setImmediate(resolve));
    for (const serving of this.#connections.keys()) serving.close();
  }

  #accept(socket: Socket): void {
    socket.unref();
    const { version, keepsOutput } = this.#options;
    const connection = new ServedConnection(this.#pod, version);
    const served = {
      pod: this.#pod,
      processes: this.#processes,
      connection,
      version,
      keepsOutput,
    };
    const serving = serve(socket, [createPodService(served)]);
    this.#connections.set(serving, connection);
    let late: NodeJS.Timeout | undefined;
    socket.once('data', () => {
      late = setTimeout(() => connection.agreed || serving.close(), ownerHandshakeMs).unref();
    });
    void serving.closed.then(() => {
      clearTimeout(late);
      this.#connections.delete(serving);
      this.#processes.left(connection);
      return connection.end();
    });
  }
}
