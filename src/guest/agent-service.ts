// The service that the host calls: each method decodes, calls the sandbox, encodes.
import { waitFor } from '../base/deadline.js';
import { VirtcontainersError } from '../base/errors.js';
import { Agent, OutputStream } from '../wire/gen/agent_pb.js';
import {
  type CallContext,
  type Handlers,
  implement,
  type ServiceImplementation,
} from '../wire/ttrpc/index.js';
import { toRpcError } from './agent-error.js';
import {
  checkId,
  checkRoot,
  checkSignal,
  parseJsonObject,
  toOffset,
  toTerminalSize,
} from './decode.js';
import type { ContainerRuntime, System } from './doors.js';
import { Sandbox } from './sandbox.js';

/** The version of `virtcontainers.agent.v1` that is served. */
export const protocolVersion = 1;

export interface AgentServiceOptions {
  readonly system: System;
  readonly runtime: ContainerRuntime;
  /** The agent's own version. */
  readonly version: string;
}

type AgentMethods = typeof Agent extends { readonly method: infer M } ? M : never;
type AgentHandlers = Handlers<Parameters<typeof implement>[0] extends never ? never : never>;

/** A service over one machine; its state outlives the connections that it is served on. */
export function createAgentService(options: AgentServiceOptions): ServiceImplementation {
  return implement(Agent, guarded(new AgentMethodsOver(options)));
}
