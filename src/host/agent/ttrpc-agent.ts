// The agent over ttrpc: one call per method, each with its deadline, its errors and answers checked.
import { randomBytes } from 'node:crypto';
import type { TerminalSize } from '../../model/container-config.js';
import type { ExitStatus } from '../../model/exit-status.js';
import { agentCallTimeoutMs, guestClockErrorMs, streamChunkBytes } from '../../model/limits.js';
import type { ProcessList } from '../../model/usage.js';
import { Agent as AgentService } from '../../wire/gen/agent_pb.js';
import { type Client, type ClientConnection, createClient } from '../../wire/ttrpc/index.js';
import {
  type Agent,
  agentProtocolVersion,
  type CallOptions,
  type GuestContainer,
  type GuestInfo,
  type GuestProcess,
  type GuestStats,
  type GuestTimes,
  type Identity,
  type InputChunk,
  type OutputChunk,
  type OutputRange,
  type ProcessRef,
  type StatsQuery,
} from './agent.js';
import { toAgentError } from './agent-error.js';
import { toGuestTimes } from './to-guest-times.js';
import {
  toCreateRequest,
  toExecRequest,
  toExitStatus,
  toInputProgress,
  toOutputChunk,
  toOutputStream,
} from './to-proto.js';
import { toGuestStats, toProcessList } from './to-usage.js';

type Rpc = Client<(typeof AgentService)['method']>;

/** What waits for a container ends with the container. */
const withoutDeadline = 0;
const entropyBytes = 64;
/** So often at the most, and for so long in milliseconds, a guest's clock is set until it is right. */
const clockAttempts = 8;
const clockAttemptsMs = 1_500;

/** A connection to an agent with which a protocol version has been agreed; `TtrpcAgentConnector` makes it. */
export class TtrpcAgent implements Agent {
  readonly info: GuestInfo;
  readonly #connection: ClientConnection;
  readonly #rpc: Rpc;

  constructor(connection: ClientConnection, info: GuestInfo) {
    this.info = info;
    this.#connection = connection;
    this.#rpc = createClient(AgentService, connection);
  }

  get heard(): number {
    return this.#connection.received;
  }

  get closed(): Promise<Error | undefined> {
    return this.#connection.closed;
  }

  close(): void {
    this.#connection.close();
  }

  /** The handshake once more: the cheapest call there is, and it changes nothing. */
  async ping(options?: CallOptions): Promise<void> {
    await this.#call('cannot ping the guest', options, (bounds) =>
      this.#rpc.handshake({ protocolVersion: agentProtocolVersion }, bounds),
    );
  }

  /**
   * What it takes is how late the guest's clock may be: repeated where that is too much. The first call of a clone is slow for the
   * guest's sake, which the second is not; where it is slow as well the host is busy, and a guess of it is added.
   */
  async personalize({ hostname, machineId }: Identity, options?: CallOptions): Promise<void> {
    const begunMs = performance.now();
    let [aheadMs, shortestMs] = [0, Number.POSITIVE_INFINITY];
    for (let attempt = 1; ; attempt++) {
      const entropy = randomBytes(entropyBytes);
      const askedMs = performance.now();
      await this.#call('cannot personalize the guest', options, (bounds) => {
        const timeNs = BigInt(Date.now() + aheadMs) * 1_000_000n;
        return this.#rpc.personalize({ entropy, timeNs, hostname, machineId }, bounds);
      });
      const nowMs = performance.now();
      const tookMs = nowMs - askedMs;
      if (Math.max(aheadMs, tookMs - aheadMs) < guestClockErrorMs) return;
      // On a host so busy it would not get better.
      if (attempt === clockAttempts || nowMs - begunMs > clockAttemptsMs) return;
      if (attempt === 1) continue;
      shortestMs = Math.min(shortestMs, tookMs);
      aheadMs = Math.round(shortestMs / 2);
    }
  }

  async quiesce(options?: CallOptions): Promise<void> {
    await this.#call('cannot quiesce the guest', options, (bounds) =>
      this.#rpc.quiesce({}, bounds),
    );
  }

  async online(
    size: { readonly cpus: number; readonly memoryMiB: number },
    options?: CallOptions,
  ): Promise<void> {
    const memoryBytes = BigInt(size.memoryMiB) * 1024n * 1024n;
    const what = `cannot bring ${size.cpus} processors and ${size.memoryMiB} MiB online`;
    await this.#call(what, options, (bounds) =>
      this.#rpc.online({ cpus: size.cpus, memoryBytes }, bounds),
    );
  }

  async createContainer(
    container: GuestContainer,
    options?: CallOptions,
  ): Promise<{ readonly pid: number }> {
    const { pid } = await this.#call(
      `cannot create container ${container.containerId}`,
      options,
      (bounds) => this.#rpc.createContainer(toCreateRequest(container), bounds),
    );
    return { pid };
  }

  async startContainer(containerId: string, options?: CallOptions): Promise<void> {
    await this.#call(`cannot start container ${containerId}`, options, (bounds) =>
      this.#rpc.startContainer({ containerId }, bounds),
    );
  }

  async exec(process: GuestProcess, options?: CallOptions): Promise<{ readonly pid: number }> {
    const { pid } = await this.#call(`cannot exec ${nameOf(process)}`, options, (bounds) =>
      this.#rpc.exec(toExecRequest(process), bounds),
    );
    return { pid };
  }

  async signal(process: ProcessRef, signal: number, options?: CallOptions): Promise<void> {
    await this.#call(`cannot signal ${nameOf(process)}`, options, (bounds) =>
      this.#rpc.signal({ ...toRef(process), signal }, bounds),
    );
  }

  async signalAll(
    process: ProcessRef,
    { number, waitMs }: { readonly number: number; readonly waitMs: number },
    options?: CallOptions,
  ): Promise<{ readonly left: boolean }> {
    const request = { ...toRef(process), signal: number, all: true, waitMs };
    const call = (bounds: CallOptions) => this.#rpc.signal(request, bounds);
    const what = `cannot signal all of ${nameOf(process)}`;
    const { left } = await this.#call(what, options, call, waitMs + agentCallTimeoutMs);
    return { left };
  }

  async wait(process: ProcessRef, options?: CallOptions): Promise<ExitStatus> {
    const what = `cannot wait for ${nameOf(process)}`;
    const call = (bounds: CallOptions) => this.#rpc.wait(toRef(process), bounds);
    return toExitStatus(await this.#call(what, options, call, withoutDeadline));
  }

  async release(process: ProcessRef, options?: CallOptions): Promise<void> {
    await this.#call(`cannot release ${nameOf(process)}`, options, (bounds) =>
      this.#rpc.release(toRef(process), bounds),
    );
  }

  async readOutput(
    process: ProcessRef,
    range: OutputRange,
    options?: CallOptions,
  ): Promise<OutputChunk> {
    const what = `cannot read the ${range.stream} of ${nameOf(process)}`;
    const maxBytes = Math.min(range.maxBytes, streamChunkBytes);
    const request = {
      ...toRef(process),
      stream: toOutputStream[range.stream],
      offset: range.offset,
      acknowledged: range.acknowledged,
      maxBytes,
    };
    const call = (bounds: CallOptions) => this.#rpc.readOutput(request, bounds);
    return toOutputChunk(await this.#call(what, options, call, withoutDeadline), maxBytes, what);
  }

  async writeInput(
    process: ProcessRef,
    input: InputChunk,
    options?: CallOptions,
  ): Promise<{ readonly offset: bigint; readonly closed: boolean }> {
    const what = `cannot write to ${nameOf(process)}`;
    const request = { ...toRef(process), offset: input.offset, data: input.data, end: input.end };
    const call = (bounds: CallOptions) => this.#rpc.writeInput(request, bounds);
    return toInputProgress(await this.#call(what, options, call, withoutDeadline), input, what);
  }

  async resizeTerminal(
    process: ProcessRef,
    { columns, rows }: TerminalSize,
    options?: CallOptions,
  ): Promise<void> {
    await this.#call(`cannot resize the terminal of ${nameOf(process)}`, options, (bounds) =>
      this.#rpc.resizeTerminal({ ...toRef(process), size: { columns, rows } }, bounds),
    );
  }

  async destroyContainer(containerId: string, options?: CallOptions): Promise<void> {
    await this.#call(`cannot destroy container ${containerId}`, options, (bounds) =>
      this.#rpc.destroyContainer({ containerId }, bounds),
    );
  }

  async trace(options?: CallOptions): Promise<GuestTimes> {
    const what = 'cannot trace the guest';
    return toGuestTimes(await this.#call(what, options, (bounds) => this.#rpc.trace({}, bounds)));
  }

  async pauseContainer(containerId: string, options?: CallOptions): Promise<void> {
    await this.#call(`cannot pause container ${containerId}`, options, (bounds) =>
      this.#rpc.pauseContainer({ containerId }, bounds),
    );
  }

  async resumeContainer(containerId: string, options?: CallOptions): Promise<void> {
    await this.#call(`cannot resume container ${containerId}`, options, (bounds) =>
      this.#rpc.resumeContainer({ containerId }, bounds),
    );
  }

  async listProcesses(containerId: string, options?: CallOptions): Promise<ProcessList> {
    const what = `cannot list the processes of container ${containerId}`;
    const call = (bounds: CallOptions) => this.#rpc.listProcesses({ containerId }, bounds);
    return toProcessList(await this.#call(what, options, call), containerId, what);
  }

  async stats({ containerIds, machine }: StatsQuery, options?: CallOptions): Promise<GuestStats> {
    const request = { containerIds: [...containerIds], machine };
    const call = (bounds: CallOptions) => this.#rpc.stats(request, bounds);
    return toGuestStats(await this.#call('cannot get statistics', options, call), containerIds);
  }

  async #call<T>(
    what: string,
    options: CallOptions = {},
    run: (bounds: CallOptions) => Promise<T>,
    defaultTimeoutMs: number = agentCallTimeoutMs,
  ): Promise<T> {
    const { signal, timeoutMs = defaultTimeoutMs } = options;
    try {
      return await run({ signal, timeoutMs });
    } catch (error) {
      throw toAgentError(error, what, signal);
    }
  }
}

function toRef({ containerId, processId }: ProcessRef): ProcessRef {
  return { containerId, processId };
}

function nameOf({ containerId, processId }: ProcessRef): string {
  return processId === ''
    ? `container ${containerId}`
    : `process ${processId} of container ${containerId}`;
}
