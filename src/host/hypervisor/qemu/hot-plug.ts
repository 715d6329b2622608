// Adds processors and memory to a running VM; what it adds before a step fails is taken out again.
import { waitFor } from '../../../base/deadline.js';
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../../../base/errors.js';
import { Undo } from '../../../base/undo.js';
import { memoryBlockMiB } from '../../../model/limits.js';
import type { VmPlan, VmSize } from '../hypervisor.js';
import type { QmpClient } from './qmp-client.js';
import { isObject } from './qmp-decoder.js';
import { memorySlots } from './vm-shape.js';

/** A processor that QEMU offers to add. */
interface CpuSlot {
  readonly type: string;
  readonly props: Readonly<Record<string, number>>;
}

/** How long the guest may take to give a device back, in milliseconds. */
const unplugMs = 3000;

/** The size of one VM, and the way it grows. */
export class HotPlug {
  readonly #qmp: QmpClient;
  readonly #plan: VmPlan;
  readonly #allow: (memoryMiB: number) => void;
  #size: VmSize;
  #usedSlots = 0;
  #lastDevice = 0;
  #last: Promise<void> = Promise.resolve();

  /** @param allow is told the VM's memory before it grows and where it does not, and lets the process have as much */
  constructor(qmp: QmpClient, plan: VmPlan, allow: (memoryMiB: number) => void) {
    this.#allow = allow;
    this.#qmp = qmp;
    this.#plan = plan;
    this.#size = { cpus: plan.bootCpus, memoryMiB: plan.bootMemoryMiB };
  }

  /** What is plugged now. */
  get size(): VmSize {
    return this.#size;
  }

  /**
   * Grows to at least `wanted`, one call after the other.
   * @throws VirtcontainersError `invalid-argument` beyond the plan's bounds, `internal` if QEMU refuses
   */
  grow(wanted: VmSize): Promise<void> {
    const grown = this.#last.then(() => this.#grow(wanted));
    this.#last = grown.catch(() => {});
    return grown;
  }

  async #grow(wanted: VmSize): Promise<void> {
    this.#check(wanted);
    await Undo.run(async (undo) => {
      const memoryMiB = planDimm({
        currentMiB: this.#size.memoryMiB,
        wantedMiB: wanted.memoryMiB,
        maxMiB: this.#plan.maxMemoryMiB,
        freeSlots: memorySlots - this.#usedSlots,
      });
      // A backend can be taken out without the guest, a device cannot: so the host's no comes before the guest knows.
      const cpus = wanted.cpus - this.#size.cpus;
      const memory = `add ${memoryMiB} MiB of memory to`;
      const backend =
        memoryMiB > 0 ? await this.#step(memory, () => this.#addBackend(memoryMiB, undo)) : null;
      await this.#step(`add processors (${cpus}) to`, () => this.#addCpus(cpus, undo));
      if (backend === null) return;
      // Last, and whole or not at all: so nothing has to be undone of it, which only the guest could do.
      await this.#step(memory, () => this.#addDimm(backend, memoryMiB));
    });
  }

  /** Runs one step; its error names it. */
  async #step<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const message = `cannot ${what} VM ${this.#plan.podId}: ${reasonOf(error)}`;
      if (!isVirtcontainersError(error)) {
        throw new VirtcontainersError('internal', message, { cause: error });
      }
      const { code, details, hint } = error;
      const hinted = hint === undefined ? {} : { hint };
      throw new VirtcontainersError(code, message, { cause: error, details, ...hinted });
    }
  }

  #check(wanted: VmSize): void {
    const { podId, maxCpus, maxMemoryMiB } = this.#plan;
    const refuse = (what: string): never => {
      throw new VirtcontainersError('invalid-argument', `cannot grow VM ${podId}: ${what}`);
    };
    if (!Number.isSafeInteger(wanted.cpus) || !Number.isFinite(wanted.memoryMiB)) {
      refuse('its size must be numbers');
    }
    if (wanted.cpus > maxCpus) refuse(`${wanted.cpus} processors are more than its ${maxCpus}`);
    if (wanted.memoryMiB > maxMemoryMiB) {
      refuse(`${wanted.memoryMiB} MiB are more than its ${maxMemoryMiB} MiB`);
    }
  }

  #nextId(kind: string): string {
    this.#lastDevice += 1;
    return `${kind}${this.#lastDevice}`;
  }

  async #addBackend(memoryMiB: number, undo: Undo): Promise<string> {
    const id = this.#nextId('memory');
    // What the guest does not give back counts on.
    undo.add('lower the bound on memory', () => this.#allow(this.#size.memoryMiB));
    this.#allow(this.#size.memoryMiB + memoryMiB);
    await this.#qmp.execute('object-add', {
      'qom-type': 'memory-backend-ram',
      id,
      size: memoryMiB * 1024 * 1024,
      merge: false,
      dump: false,
    });
    undo.add(`remove memory backend ${id}`, async () => {
      await this.#qmp.execute('object-del', { id });
    });
    return id;
  }

  async #addDimm(memdev: string, memoryMiB: number): Promise<void> {
    const id = this.#nextId('dimm');
    await this.#qmp.execute('device_add', { driver: 'pc-dimm', id, memdev });
    this.#usedSlots += 1;
    this.#resize({ memoryMiB });
  }

  async #addCpus(count: number, undo: Undo): Promise<void> {
    if (count <= 0) return;
    const free = freeCpuSlots(await this.#qmp.execute('query-hotpluggable-cpus'));
    if (free.length < count) {
      throw new VirtcontainersError(
        'internal',
        `QEMU offers ${free.length} processors, ${count} are wanted`,
      );
    }
    for (const slot of free.slice(0, count)) {
      const id = this.#nextId('cpu');
      await this.#qmp.execute('device_add', { driver: slot.type, id, ...slot.props });
      this.#resize({ cpus: 1 });
      undo.add(`unplug ${id}`, async () => {
        await this.#unplug(id);
        this.#resize({ cpus: -1 });
      });
    }
  }

  #resize(change: Partial<VmSize>): void {
    this.#size = {
      cpus: this.#size.cpus + (change.cpus ?? 0),
      memoryMiB: this.#size.memoryMiB + (change.memoryMiB ?? 0),
    };
  }

  /** Asks the guest to give a device back; until it has, the device counts. */
  async #unplug(id: string): Promise<void> {
    let stop: () => void = () => {};
    const deleted = new Promise<void>((resolve) => {
      stop = this.#qmp.onEvent(({ name, data }) => {
        if (name === 'DEVICE_DELETED' && data['device'] === id) resolve();
      });
    });
    try {
      await this.#qmp.execute('device_del', { id });
      await waitFor(deleted, { timeoutMs: unplugMs, what: `cannot unplug ${id}` });
    } finally {
      stop();
    }
  }
}

/**
 * The size of the next memory module, in MiB; 0 if there is enough. Modules are as large as asked for while half of
 * the slots are free; after that each adds at least half of what is there, so the slots last up to the maximum.
 */
export function planDimm(options: {
  readonly currentMiB: number;
  readonly wantedMiB: number;
  readonly maxMiB: number;
  readonly freeSlots: number;
}): number {
  const { currentMiB, wantedMiB, maxMiB, freeSlots } = options;
  const missing = roundUp(wantedMiB - currentMiB);
  if (missing <= 0) return 0;
  const generous =
    freeSlots > memorySlots / 2 ? missing : Math.max(missing, roundUp(currentMiB / 2));
  const room = Math.floor((maxMiB - currentMiB) / memoryBlockMiB) * memoryBlockMiB;
  const size = Math.min(generous, room);
  if (size >= missing && freeSlots > 0) return size;
  const why = freeSlots > 0 ? `only ${room} MiB can be added` : 'its memory slots are used up';
  throw new VirtcontainersError('invalid-argument', `cannot add ${missing} MiB of memory: ${why}`);
}

function roundUp(memoryMiB: number): number {
  return Math.ceil(memoryMiB / memoryBlockMiB) * memoryBlockMiB;
}

/** The processors that are not plugged, in the order of their place; what is malformed is left out. */
export function freeCpuSlots(answer: unknown): readonly CpuSlot[] {
  if (!Array.isArray(answer)) return [];
  return answer
    .filter(isObject)
    .filter((slot) => !Object.hasOwn(slot, 'qom-path'))
    .flatMap(({ type, props }) =>
      typeof type === 'string' && isObject(props) ? [{ type, props: placeOf(props) }] : [],
    )
    .sort((a, b) => comparePlaces(a.props, b.props));
}

const placeKeys = ['node-id', 'socket-id', 'die-id', 'core-id', 'thread-id'];

function placeOf(props: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  const numbers = placeKeys.flatMap((key): (readonly [string, number])[] => {
    const value = props[key];
    return typeof value === 'number' ? [[key, value]] : [];
  });
  return Object.fromEntries(numbers);
}

function comparePlaces(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): number {
  const differences = placeKeys.map((key) => (a[key] ?? 0) - (b[key] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}
