// The state inside the VM: which containers exist, are being made or are being removed.
import { VirtcontainersError } from '../base/errors.js';
import { Container } from './container.js';
import type { ContainerRuntime, NewContainer } from './doors.js';

/** Most processes of this VM that are not released: each keeps two output buffers and has calls that wait on it. */
export const maxProcesses = 1024;

const SIGKILL = 9;

/** All containers of this VM. */
export class Sandbox {
  readonly #runtime: ContainerRuntime;
  readonly #containers = new Map<string, Container>();
  /** What happens to an id now: its creation or removal. Never rejects. */
  readonly #busy = new Map<string, Promise<void>>();

  constructor(runtime: ContainerRuntime) {
    this.#runtime = runtime;
  }

  /** @throws VirtcontainersError `already-exists`, also while one of that id is being made or removed */
  async createContainer(options: NewContainer): Promise<Container> {
    const { id } = options;
    if (this.#containers.has(id) || this.#busy.has(id)) {
      throw new VirtcontainersError(
        'already-exists',
        `cannot create container ${id}: it exists in the guest`,
      );
    }
    this.#admit(`cannot create container ${id}`);
    return await this.#whileBusy(id, async () => {
      const made = await this.#runtime.create(options);
      const container = new Container(id, made, (what) => this.#admit(what));
      this.#containers.set(id, container);
      return container;
    });
  }

  container(id: string): Container {
    const container = this.#containers.get(id);
    if (container !== undefined) return container;
    throw new VirtcontainersError(
      'not-found',
      `cannot find container ${id}: there is none in the guest`,
      { details: { reason: 'no-such-container' } },
    );
  }

  /** One that may be gone. */
  find(id: string): Container | undefined {
    return this.#containers.get(id);
  }

  /** Removes a container with all it has; waits for one that is being made. Safe to repeat. */
  async destroyContainer(id: string): Promise<void> {
    for (let busy = this.#busy.get(id); busy !== undefined; busy = this.#busy.get(id)) await busy;
    await this.#whileBusy(id, async () => {
      // Streams are closed last: what the processes wrote can be read until they are gone.
      this.#containers.get(id)?.noteSignal(SIGKILL);
      await this.#runtime.destroy(id);
      this.#containers.get(id)?.close();
      this.#containers.delete(id);
    });
  }

  /** @throws VirtcontainersError `invalid-state` while there is a container */
  quiesce(): void {
    const ids = [...this.#containers.keys(), ...this.#busy.keys()];
    if (ids.length > 0) {
      throw new VirtcontainersError(
        'invalid-state',
        `cannot let go of shares: container ${ids[0]} is there`,
      );
    }
    this.#runtime.releaseShares();
  }

  #admit(what: string): void {
    const counts = [...this.#containers.values()].map((container) => container.processes);
    if (counts.reduce((sum, count) => sum + count, 0) < maxProcesses) return;
    throw new VirtcontainersError(
      'invalid-state',
      `${what}: the VM has ${maxProcesses} processes that run or are not released, and may have no more`,
    );
  }

  async #whileBusy<T>(id: string, work: () => Promise<T>): Promise<T> {
    let done = (): void => {};
    this.#busy.set(id, new Promise<void>((resolve) => (done = resolve)));
    try {
      return await work();
    } finally {
      this.#busy.delete(id);
      done();
    }
  }
}
