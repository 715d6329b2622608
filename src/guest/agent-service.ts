// The service that the host calls: each method decodes, calls the sandbox, encodes.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import { waitFor } from '../base/deadline.js';
import { VirtcontainersError } from '../base/errors.js';
import {
  Agent,
  type HandshakeRequest,
  type HandshakeResponseSchema,
} from '../wire/gen/agent_pb.js';
import {
  type CallContext,
  type Handlers,
  implement,
  type ServiceImplementation,
} from '../wire/ttrpc/index.js';
import { toRpcError } from './agent-error.js';
import type { BootMark } from './boot-marks.js';
import {
  checkId,
  checkRoot,
  checkSignal,
  parseJsonObject,
  toOffset,
  toStreamName,
  toTerminalSize,
} from './decode.js';
import type { ContainerRuntime, System } from './doors.js';
import { endsWithin } from './ends-within.js';
import { GuestTrace } from './guest-trace.js';
import { maxProcesses, Sandbox } from './sandbox.js';
import { usageHandlers } from './usage-service.js';

/** The version of `virtcontainers.agent.v1` that is served. */
export const protocolVersion = 1;

// A process has at most its end, a read of each output, a write and the end of its group that wait; the rest is room for calls
// that do not wait.
const callsPerProcess = 5;
/** How the service is to be served: all processes must never fill the calls that may run. */
export const agentServerOptions = { maxConcurrentCalls: callsPerProcess * maxProcesses + 1024 };

export interface AgentServiceOptions {
  readonly system: System;
  readonly runtime: ContainerRuntime;
  /** The agent's own version. */
  readonly version: string;
  /** The phases of the boot, for a host that traces. Default none. */
  readonly bootMarks?: () => readonly BootMark[];
}

type AgentHandlers = Handlers<typeof Agent extends GenService<infer M> ? M : never>;
type Method = keyof AgentHandlers;

/** A service over one machine; its state outlives the connections that it is served on. */
export function createAgentService(options: AgentServiceOptions): ServiceImplementation {
  const sandbox = new Sandbox(options.runtime);
  const handshake = new Handshake(options);
  const trace = new GuestTrace(options.bootMarks ?? (() => []));
  const guard = { handshake, trace };
  const handlers: AgentHandlers = {
    handshake: async (request) => handshake.answer(request),
    ...guarded(guard, machineHandlers(options.system)),
    ...guarded(guard, containerHandlers(sandbox)),
    ...guarded(guard, processHandlers(sandbox)),
    ...guarded(guard, streamHandlers(sandbox)),
    ...guarded(guard, usageHandlers(sandbox, options.system)),
    ...guarded(guard, { trace: () => trace.answer() }),
    ...guarded(guard, { quiesce: () => quiesce(sandbox) }),
  };
  return implement(Agent, handlers);
}

/** Whether host and agent speak the same version. */
class Handshake {
  readonly #options: AgentServiceOptions;
  #agreed = false;

  constructor(options: AgentServiceOptions) {
    this.#options = options;
  }

  answer(request: HandshakeRequest): MessageInitShape<typeof HandshakeResponseSchema> {
    const { system, version } = this.#options;
    this.#agreed = request.protocolVersion === protocolVersion;
    if (!this.#agreed) {
      const host = `the host (${request.hostVersion.slice(0, 64)}) speaks ${request.protocolVersion}`;
      const reason = `${host}, the agent (${version}) protocol version ${protocolVersion}`;
      throw toRpcError(versionError(reason));
    }
    return {
      protocolVersion,
      agentVersion: version,
      kernelRelease: system.kernelRelease,
      uptimeMs: BigInt(Math.trunc(system.uptimeMs())),
    };
  }

  check(): void {
    if (!this.#agreed) throw versionError('no handshake has agreed on a protocol version');
  }
}

function versionError(reason: string): VirtcontainersError {
  const details = { reason: 'protocol-version' };
  return new VirtcontainersError('invalid-state', `cannot answer: ${reason}`, { details });
}

interface Guard {
  readonly handshake: Handshake;
  readonly trace: GuestTrace;
}

/** Refuses calls before a handshake and gives every failure its status. */
function guarded<K extends Method>(
  { handshake, trace }: Guard,
  handlers: Pick<AgentHandlers, K>,
): Pick<AgentHandlers, K> {
  const wrap =
    (name: string, handler: AnyHandler): AnyHandler =>
    async (request, context) => {
      try {
        handshake.check();
        return await trace.call(name, () => handler(request, context));
      } catch (error) {
        throw toRpcError(error);
      }
    };
  const entries = Object.entries<AnyHandler>(handlers as Record<string, AnyHandler>);
  return Object.fromEntries(entries.map(([name, handler]) => [name, wrap(name, handler)])) as never;
}

type AnyHandler = (request: never, context: CallContext) => Promise<unknown>;

function machineHandlers(system: System): Pick<AgentHandlers, 'personalize' | 'online'> {
  return {
    async personalize({ entropy, timeNs, hostname, machineId }) {
      await system.personalize({ entropy, timeNs, hostname, machineId });
      return {};
    },
    async online({ cpus, memoryBytes }) {
      return await system.online({ cpus, memoryBytes });
    },
  };
}

async function quiesce(sandbox: Sandbox): Promise<Record<string, never>> {
  sandbox.quiesce();
  return {};
}

function containerHandlers(
  sandbox: Sandbox,
): Pick<AgentHandlers, 'createContainer' | 'startContainer' | 'destroyContainer'> {
  return {
    async createContainer(request) {
      const container = await sandbox.createContainer({
        id: checkId('container', request.containerId),
        spec: parseJsonObject(request.specJson, 'specification'),
        root: checkRoot(request.root),
        sharedMounts: request.sharedMounts,
        stdin: request.stdin,
        terminalSize: toTerminalSize(request.terminalSize),
      });
      return { pid: container.init.pid };
    },
    async startContainer({ containerId }) {
      await sandbox.container(containerId).start();
      return {};
    },
    async destroyContainer({ containerId }) {
      await sandbox.destroyContainer(checkId('container', containerId));
      return {};
    },
  };
}

function processHandlers(
  sandbox: Sandbox,
): Pick<AgentHandlers, 'exec' | 'signal' | 'wait' | 'release' | 'resizeTerminal'> {
  return {
    async exec(request, context) {
      const container = sandbox.container(request.containerId);
      const process = await container.exec({
        id: checkId('process', request.processId),
        process: parseJsonObject(request.processJson, 'process'),
        stdin: request.stdin,
        terminalSize: toTerminalSize(request.terminalSize),
      });
      // A host that has given up, or gone, learns nothing of it and could not end it.
      if (context.signal.aborted) await container.discard(request.processId);
      return { pid: process.pid };
    },
    async signal({ containerId, processId, signal, all, waitMs }, context) {
      const container = sandbox.container(containerId);
      if (!all) {
        container.process(processId).signal(checkSignal(signal));
        return {};
      }
      const group = await container.group(processId);
      group.signalAll(checkSignal(signal));
      return { left: !(await endsWithin(group, waitMs, context.signal)) };
    },
    async wait({ containerId, processId }, context) {
      const { ended } = sandbox.container(containerId).process(processId);
      // A host that has gone does not count against the calls that may run.
      const end = await waitFor(ended, { signal: context.signal, what: 'cannot wait' });
      return { exitCode: end.code, signal: end.signal, oom: end.oom };
    },
    async release({ containerId, processId }) {
      sandbox.container(containerId).release(processId);
      return {};
    },
    async resizeTerminal({ containerId, processId, size }) {
      const process = sandbox.container(containerId).process(processId);
      process.resize(toTerminalSize(size) ?? { columns: 0, rows: 0 });
      return {};
    },
  };
}

function streamHandlers(sandbox: Sandbox): Pick<AgentHandlers, 'readOutput' | 'writeInput'> {
  return {
    async readOutput({ containerId, processId, stream, maxBytes, ...range }) {
      const process = sandbox.container(containerId).process(processId);
      const offset = toOffset(range.offset);
      const acknowledged = toOffset(range.acknowledged);
      return await process.readOutput(toStreamName(stream), { offset, acknowledged, maxBytes });
    },
    async writeInput({ containerId, processId, offset, data, end }) {
      const process = sandbox.container(containerId).process(processId);
      const state = await process.writeInput(toOffset(offset), data, end);
      return { offset: BigInt(state.offset), closed: state.closed };
    },
  };
}
