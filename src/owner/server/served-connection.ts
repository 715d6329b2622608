// One client of a pod's owner: whether versions agree, which of its calls run and can be aborted, what it listens to.
import { VirtcontainersError } from '../../base/errors.js';
import type { Pod } from '../../model/pod.js';
import type { HandshakeRequest } from '../../wire/gen/pod_pb.js';
import { protocolVersion } from '../protocol.js';
import { EventPoll } from './event-poll.js';

const maxListeners = 64;

export class ServedConnection {
  readonly #pod: Pod;
  readonly #version: string;
  readonly #calls = new Map<number, AbortController>();
  readonly #listeners = new Map<number, EventPoll>();
  #running = 0;
  #wake: () => void = () => {};
  #agreed = false;
  #ended = false;

  constructor(pod: Pod, version: string) {
    this.#pod = pod;
    this.#version = version;
  }

  /** Whether both ends speak the same version. */
  get agreed(): boolean {
    return this.#agreed;
  }

  /** @throws VirtcontainersError `unsupported` where versions differ */
  agree({ protocolVersion: theirs, clientVersion }: HandshakeRequest): void {
    this.#agreed = theirs === protocolVersion;
    if (this.#agreed) return;
    const client = `this program (${clientVersion.slice(0, 64)}) speaks version ${theirs}`;
    const owner = `its owner (${this.#version}) version ${protocolVersion}`;
    throw new VirtcontainersError(
      'unsupported',
      `cannot use pod ${this.#pod.id}: ${client} of the protocol, ${owner}`,
      {
        hint: 'use it with the version of virtcontainers that made it, or delete it with `force`',
        details: { reason: 'protocol-version', theirs, ours: protocolVersion },
      },
    );
  }

  /** @throws VirtcontainersError `invalid-state` before the handshake */
  requireAgreed(): void {
    if (this.#agreed) return;
    throw new VirtcontainersError(
      'invalid-state',
      `cannot use pod ${this.#pod.id}: no handshake has agreed on a protocol version`,
    );
  }

  /**
   * Runs a call with a signal that `cancel` fires, and, unless it goes on without its client, the end of the connection.
   * @param callId 0 for one that is not aborted
   */
  async run<T>(
    call: { readonly callId: number; readonly signal: AbortSignal; readonly goesOn: boolean },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { callId, signal, goesOn } = call;
    if (callId !== 0 && this.#calls.has(callId)) {
      const what = `cannot answer: call ${callId} is running`;
      throw new VirtcontainersError('invalid-argument', what);
    }
    const controller = new AbortController();
    const stop = (): void => controller.abort(signal.reason);
    if (callId !== 0) this.#calls.set(callId, controller);
    if (!goesOn) signal.addEventListener('abort', stop, { once: true });
    this.#running++;
    try {
      return await work(controller.signal);
    } finally {
      this.#running--;
      this.#wake();
      // From here on nobody can fire it: what the call has made is not ended by it.
      if (callId !== 0) this.#calls.delete(callId);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Aborts a call; one that has been answered is none any more. */
  cancel(callId: number): void {
    this.#calls.get(callId)?.abort();
  }

  /** The listener of that number, begun where there is none. */
  listener(number: number): EventPoll {
    const known = this.#listeners.get(number);
    if (known !== undefined) return known;
    if (this.#ended || this.#listeners.size >= maxListeners) {
      const what = `cannot listen to the events of pod ${this.#pod.id}`;
      const reason = `a connection has ${maxListeners} listeners at the most`;
      throw new VirtcontainersError('unavailable', `${what}: ${reason}`);
    }
    const begun = new EventPoll(this.#pod.events());
    this.#listeners.set(number, begun);
    return begun;
  }

  async closeListener(number: number): Promise<void> {
    const listener = this.#listeners.get(number);
    this.#listeners.delete(number);
    this.#wake();
    await listener?.close();
  }

  /** Resolves when no call runs and every listener has been told its end. */
  async idle(): Promise<void> {
    while (this.#running > 0 || this.#listeners.size > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The client has gone. */
  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#listeners.keys()].map((number) => this.closeListener(number)));
  }
}
