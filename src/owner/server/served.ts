// What the handlers of the owner's service share: what they work on, their shape, how things are found and answered.
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import { VirtcontainersError } from '../../base/errors.js';
import type { Pod, Process } from '../../model/pod.js';
import { LocalContainer } from '../../pod/local-container.js';
import type { Pod as PodService } from '../../wire/gen/pod_pb.js';
import type { Handlers } from '../../wire/ttrpc/index.js';
import type { ServedConnection } from './served-connection.js';
import type { ServedProcesses } from './served-processes.js';

export type PodHandlers = Handlers<typeof PodService extends GenService<infer M> ? M : never>;
export type Method = keyof PodHandlers;
/** As the service's handlers, with the call's signal in the place of its context. */
export type Answers<K extends Method> = {
  readonly [M in K]: (
    request: Parameters<PodHandlers[M]>[0],
    signal: AbortSignal,
  ) => ReturnType<PodHandlers[M]>;
};

/** What the handlers of one connection work on. */
export interface Served {
  readonly pod: Pod;
  readonly processes: ServedProcesses;
  readonly connection: ServedConnection;
  readonly version: string;
  readonly keepsOutput: boolean;
}

/** A document of an answer. */
export function document(value: unknown): { readonly json: string } {
  return { json: JSON.stringify(value) };
}

/** The container of that id, which this process owns. */
export function find(pod: Pod, containerId: string): LocalContainer {
  const container = pod.container(containerId);
  if (container instanceof LocalContainer) return container;
  throw new VirtcontainersError('internal', `cannot serve container ${containerId}: it is no own`);
}

/** A process that can be asked for; the empty id is the container's first. */
export function findProcess(
  { pod, processes }: Pick<Served, 'pod' | 'processes'>,
  { containerId, processId }: { readonly containerId: string; readonly processId: string },
): Process {
  const container = find(pod, containerId);
  return processId === '' ? container : processes.find(containerId, processId);
}

/** The answer of a call that has nothing to say. */
export async function done(work: Promise<void>): Promise<Record<string, never>> {
  await work;
  return {};
}
