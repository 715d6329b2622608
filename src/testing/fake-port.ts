// A virtio-serial port in memory, for tests: the guest's end stays, hosts come and go, bytes go stale or get lost.
import { Duplex } from 'node:stream';

/** How a host's end behaves. */
export interface FakeHostOptions {
  /** Of the guest's bytes, it takes so many and then no more, as if it had died there. Default: all. */
  readonly takes?: number;
}

export class FakePort {
  /** The end that the guest's program opens. */
  readonly guest: Duplex;
  #host: HostEnd | undefined;
  #toHost: { bytes: Buffer; done: () => void } | undefined;

  constructor() {
    this.guest = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        this.#toHost = { bytes: chunk, done: () => queueMicrotask(done) };
        this.deliver();
      },
    });
  }

  /** Connects a host; the one before must be gone. What the guest had sent to that one and it did not take comes first. */
  connect(options: FakeHostOptions = {}): Duplex {
    this.#host = new HostEnd(this, options.takes ?? Number.POSITIVE_INFINITY);
    return this.#host;
  }

  /** The host's bytes, as they reach the guest. */
  receive(bytes: Buffer): void {
    if (!this.guest.destroyed) this.guest.push(bytes);
  }

  /** Moves what the guest sends to the host that is there, as far as it takes it. */
  deliver(): void {
    const sending = this.#toHost;
    if (sending === undefined || this.#host === undefined || this.#host.destroyed) return;
    const taken = this.#host.accept(sending.bytes);
    sending.bytes = sending.bytes.subarray(taken);
    if (sending.bytes.length > 0) return;
    this.#toHost = undefined;
    sending.done();
  }

  /** Drops bytes that the guest had written and no host has taken, as QEMU does with those in a dead host's socket. */
  lose(count: number): void {
    if (this.#toHost !== undefined) this.#toHost.bytes = this.#toHost.bytes.subarray(count);
  }
}

class HostEnd extends Duplex {
  readonly #port: FakePort;
  #takes: number;

  constructor(port: FakePort, takes: number) {
    super();
    this.#port = port;
    this.#takes = takes;
  }

  accept(bytes: Buffer): number {
    const count = Math.min(bytes.length, this.#takes);
    this.#takes -= count;
    if (count > 0) this.push(bytes.subarray(0, count));
    return count;
  }

  override _read(): void {
    this.#port.deliver();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#port.receive(chunk);
    queueMicrotask(done);
  }
}
