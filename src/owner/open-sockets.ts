// Opens the sockets of a pod that this process owns: its control plane and its raw streams.
import { version } from '../base/version.js';
import type { Pod } from '../model/pod.js';
import { servePod } from './pod-server.js';

export interface OpenSocketsOptions {
  /** The pod's own directory. */
  readonly directory: string;
  /** Whether this process draws and keeps the output of containers. */
  readonly keepsOutput: boolean;
}

/** What serves a pod; nothing of it keeps the process alive. */
export interface OpenSockets {
  /** Answers what is under way, for a bounded time, and ends all connections. Safe to repeat. */
  close(): Promise<void>;
}

/** @throws the system's error where a socket cannot be made; then neither is there */
export async function openSockets(
  pod: Pod,
  { directory, keepsOutput }: OpenSocketsOptions,
): Promise<OpenSockets> {
  return servePod(pod, { directory, version, keepsOutput });
}
