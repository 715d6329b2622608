// Attaches to a guest's agent: dials its channel, begins a connection there and agrees on the protocol's version.
import type { Duplex } from 'node:stream';
import { sleep, waitFor } from '../../base/deadline.js';
import { abortError, throwIfAborted, VirtcontainersError } from '../../base/errors.js';
import { span } from '../../base/trace/span.js';
import { printable } from '../../base/untrusted-text.js';
import { streamChunkBytes } from '../../model/limits.js';
import { AttachError, attachToGuest } from '../../wire/attach/index.js';
import { Agent as AgentService } from '../../wire/gen/agent_pb.js';
import {
  type ClientConnection,
  connectClient,
  createClient,
  RpcError,
} from '../../wire/ttrpc/index.js';
import {
  type Agent,
  type AgentConnector,
  type AttachOptions,
  agentProtocolVersion,
  type GuestInfo,
} from './agent.js';
import { maxGuestTextLength, reasonOfCall, toAgentError } from './agent-error.js';
import { toGuestInfo } from './to-proto.js';
import { TtrpcAgent } from './ttrpc-agent.js';

export interface TtrpcAgentConnectorOptions {
  /** Version of this program, for the agent's messages. */
  readonly version: string;
  /** Longest wait for an answer before the channel is dialled again, in milliseconds. Default 10 000. */
  readonly attemptTimeoutMs?: number;
}

/** No answer is longer than a chunk of output and what is around it; what is gets no memory here. */
const maxResponseBytes = streamChunkBytes + 4096;
/** Pause before a channel that was closed at once is dialled again, in milliseconds. */
const redialMs = 50;

export class TtrpcAgentConnector implements AgentConnector {
  readonly #version: string;
  readonly #attemptTimeoutMs: number;

  constructor(options: TtrpcAgentConnectorOptions) {
    this.#version = options.version;
    this.#attemptTimeoutMs = options.attemptTimeoutMs ?? 10_000;
  }

  /**
   * @throws VirtcontainersError `timeout`; `unsupported` if the agent speaks another version of the protocol;
   *   whatever `dial` throws
   */
  async attach(dial: () => Promise<Duplex>, options: AttachOptions): Promise<Agent> {
    const { podId, timeoutMs, signal } = options;
    const what = `cannot attach to the agent of pod ${podId}`;
    const end = performance.now() + timeoutMs;
    let lastFailure = 'no answer';
    for (;;) {
      throwIfAborted(signal, what);
      const remainingMs = end - performance.now();
      if (remainingMs <= 0) {
        const reason = `${lastFailure} within ${timeoutMs} ms`;
        throw new VirtcontainersError('timeout', `${what}: ${reason}`);
      }
      const attempt = { what, signal, timeoutMs: Math.min(remainingMs, this.#attemptTimeoutMs) };
      const bounds = { ...attempt, timeoutMs: remainingMs };
      const stream = await span('dial', () => this.#dial(dial, bounds));
      const agent = await span('attach', () => this.#tryAttach(stream, attempt));
      if (agent instanceof TtrpcAgent) return agent;
      lastFailure = agent.retryBecause;
      await sleep(Math.min(redialMs, Math.max(0, end - performance.now())), signal);
    }
  }

  /** A stream that comes after the wait has ended is closed. */
  async #dial(dial: () => Promise<Duplex>, bounds: Bounds): Promise<Duplex> {
    const dialled = dial();
    try {
      return await waitFor(dialled, bounds);
    } catch (error) {
      dialled.then(
        (stream) => stream.on('error', () => {}).destroy(),
        () => {},
      );
      throw error;
    }
  }

  async #tryAttach(stream: Duplex, bounds: Bounds): Promise<TtrpcAgent | Retry> {
    const { what, signal, timeoutMs } = bounds;
    let duplex: Duplex;
    try {
      duplex = await attachToGuest(stream, { timeoutMs, signal });
    } catch (error) {
      if (!(error instanceof AttachError)) throw toAgentError(error, what, signal);
      if (error.code === 'aborted' && signal !== undefined) throw abortError(signal, what);
      return { retryBecause: error.code === 'timeout' ? 'no answer' : error.message };
    }
    const connection = connectClient(duplex, { maxResponseBytes });
    try {
      const info = await span('handshake', () => this.#handshake(connection, bounds));
      return new TtrpcAgent(connection, info);
    } catch (error) {
      connection.close();
      if (error instanceof VirtcontainersError) throw error;
      const converted = toAgentError(error, what, signal);
      if (converted.code !== 'timeout' && converted.code !== 'unavailable') throw converted;
      return { retryBecause: 'no handshake' };
    }
  }

  async #handshake(
    connection: ClientConnection,
    { what, signal, timeoutMs }: Bounds,
  ): Promise<GuestInfo> {
    const client = createClient(AgentService, connection);
    const request = { protocolVersion: agentProtocolVersion, hostVersion: this.#version };
    try {
      const response = await client.handshake(request, { signal, timeoutMs });
      const info = toGuestInfo(response);
      if (response.protocolVersion === agentProtocolVersion) return info;
      throw this.#versionError(
        what,
        `it (${info.agentVersion}) speaks version ${response.protocolVersion} of the protocol`,
      );
    } catch (error) {
      if (!(error instanceof RpcError) || reasonOfCall(error) !== 'protocol-version') throw error;
      throw this.#versionError(what, `it says: ${printable(error.message, maxGuestTextLength)}`);
    }
  }

  #versionError(what: string, reason: string): VirtcontainersError {
    const own = `this program (${this.#version}) speaks version ${agentProtocolVersion}`;
    return new VirtcontainersError('unsupported', `${what}: ${reason}, ${own}`, {
      hint: 'run virtc setup to make a guest image of this version, then create the pod anew',
      details: { reason: 'protocol-version' },
    });
  }
}

interface Bounds {
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

interface Retry {
  readonly retryBecause: string;
}
