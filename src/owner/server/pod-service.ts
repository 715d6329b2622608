// The service that other processes call: each method decodes, calls the pod, encodes.
import type { ContainerOptions, DeleteOptions, StopOptions } from '../../model/options.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import { type CallContext, implement, type ServiceImplementation } from '../../wire/ttrpc/index.js';
import { protocolVersion, toRpcError } from '../protocol.js';
import { toOptions } from './decode.js';
import { processHandlers } from './process-service.js';
import {
  type Answers,
  document,
  done,
  find,
  type Method,
  type PodHandlers,
  type Served,
} from './served.js';
import type { ServedConnection } from './served-connection.js';

type AnyHandler = (request: object, signal: AbortSignal) => Promise<object>;

/** What a client has asked for, and would be surprised to find undone because it has gone. */
const goOn: ReadonlySet<string> = new Set<Method>([
  'stop',
  'delete',
  'stopContainer',
  'deleteContainer',
  'signal',
  'endProcess',
  'pause',
  'resume',
  'pauseContainer',
  'resumeContainer',
  'closeInput',
]);

/** The service as one connection gets it. */
export function createPodService(served: Served): ServiceImplementation {
  const answers: Answers<Method> = {
    ...connectionHandlers(served),
    ...podHandlers(served),
    ...containerHandlers(served),
    ...processHandlers(served),
  };
  const guarded = Object.entries(answers).map(([name, answer]) => [
    name,
    guard(served.connection, name, answer as AnyHandler),
  ]);
  return implement(PodService, Object.fromEntries(guarded) as PodHandlers);
}

function guard(connection: ServedConnection, name: string, answer: AnyHandler) {
  return async (request: object, { signal }: CallContext): Promise<object> => {
    try {
      if (name !== 'handshake') connection.requireAgreed();
      const callId = 'callId' in request && name !== 'cancel' ? Number(request.callId) : 0;
      const call = { callId, signal, goesOn: goOn.has(name) };
      return await connection.run(call, (aborted) => answer(request, aborted));
    } catch (error) {
      throw toRpcError(error);
    }
  };
}

function connectionHandlers({
  connection,
  pod,
  version,
  keepsOutput,
}: Served): Answers<'handshake' | 'cancel' | 'nextEvents' | 'closeEvents'> {
  return {
    handshake: async (request) => {
      connection.agree(request);
      const ownerPid = process.pid;
      return { protocolVersion, ownerVersion: version, podId: pod.id, ownerPid, keepsOutput };
    },
    cancel: async ({ callId }) => {
      connection.cancel(callId);
      return {};
    },
    nextEvents: async ({ listener }, signal) => {
      const { events, end } = await connection.listener(listener).poll(signal);
      if (end) await connection.closeListener(listener);
      return { json: JSON.stringify(events), end };
    },
    closeEvents: async ({ listener }) => {
      await connection.closeListener(listener);
      return {};
    },
  };
}

function podHandlers({
  pod,
}: Served): Answers<
  'status' | 'timings' | 'stats' | 'start' | 'pause' | 'resume' | 'stop' | 'delete'
> {
  return {
    status: async () => document(await pod.status()),
    timings: async () => document(pod.timings),
    stats: async (_request, signal) => document(await pod.stats({ signal })),
    start: (_request, signal) => done(pod.start({ signal })),
    pause: (_request, signal) => done(pod.pause({ signal })),
    resume: (_request, signal) => done(pod.resume({ signal })),
    stop: ({ optionsJson }, signal) => done(pod.stop(toOptions<StopOptions>(optionsJson, signal))),
    delete: ({ optionsJson }, signal) =>
      done(pod.delete(toOptions<DeleteOptions>(optionsJson, signal))),
  };
}

function containerHandlers({
  pod,
}: Served): Answers<
  | 'createContainer'
  | 'containerStatus'
  | 'containerStats'
  | 'listProcesses'
  | 'startContainer'
  | 'pauseContainer'
  | 'resumeContainer'
  | 'stopContainer'
  | 'deleteContainer'
> {
  return {
    createContainer: async ({ optionsJson }, signal) => {
      const container = await pod.createContainer(toOptions<ContainerOptions>(optionsJson, signal));
      return document(await container.status());
    },
    containerStatus: async ({ containerId }) => document(await pod.container(containerId).status()),
    containerStats: async ({ containerId }, signal) =>
      document(await pod.container(containerId).stats({ signal })),
    listProcesses: async ({ containerId }, signal) =>
      document(await pod.container(containerId).processes({ signal })),
    startContainer: ({ containerId }, signal) => done(pod.container(containerId).start({ signal })),
    pauseContainer: ({ containerId }, signal) => done(pod.container(containerId).pause({ signal })),
    resumeContainer: ({ containerId }, signal) =>
      done(pod.container(containerId).resume({ signal })),
    stopContainer: ({ containerId, optionsJson }, signal) =>
      done(pod.container(containerId).stop(toOptions<StopOptions>(optionsJson, signal))),
    deleteContainer: ({ containerId, optionsJson, whenPossible }, signal) =>
      whenPossible
        ? done(find(pod, containerId).discard())
        : done(pod.container(containerId).delete(toOptions<DeleteOptions>(optionsJson, signal))),
  };
}
