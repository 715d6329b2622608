// A store in memory that several "processes" can look at: each has its own view, whose death drops its locks.
import { VirtcontainersError } from '../base/errors.js';
import type { OwnedRecord, PodRecord, Store } from '../host/store/store.js';

interface Place {
  owner: FakeStore | null;
  /** As text: what comes out is a copy, and can be damaged. */
  text: string | null;
}

/** What is on the "disk". */
export class FakeDisk {
  readonly pods = new Map<string, Place>();
  readonly names = new Map<string, string>();
  /** How often a record was written. */
  saves = 0;
}

export class FakeStore implements Store {
  readonly #disk: FakeDisk;

  constructor(disk: FakeDisk = new FakeDisk()) {
    this.#disk = disk;
  }

  async create(podId: string): Promise<OwnedRecord> {
    if (this.#disk.pods.has(podId)) {
      throw new VirtcontainersError('already-exists', `cannot create pod ${podId}: it exists`);
    }
    this.#disk.pods.set(podId, { owner: this, text: null });
    return new FakeOwnedRecord(this.#disk, podId);
  }

  async takeOver(podId: string): Promise<OwnedRecord> {
    const place = this.#place(podId);
    if (place.owner !== null) {
      throw new VirtcontainersError(
        'invalid-state',
        `cannot take over pod ${podId}: its owner lives`,
      );
    }
    place.owner = this;
    return new FakeOwnedRecord(this.#disk, podId);
  }

  async load(podId: string): Promise<PodRecord> {
    return read(podId, this.#place(podId));
  }

  async list(): Promise<readonly string[]> {
    return [...this.#disk.pods.keys()];
  }

  async hasLiveOwner(podId: string): Promise<boolean> {
    return this.#place(podId).owner !== null;
  }

  /** The process of this view dies: its locks are free, its records stay. */
  die(): void {
    for (const place of this.#disk.pods.values()) if (place.owner === this) place.owner = null;
  }

  #place(podId: string): Place {
    const place = this.#disk.pods.get(podId);
    if (place !== undefined) return place;
    throw new VirtcontainersError('not-found', `cannot find pod ${podId}: there is none`);
  }
}

class FakeOwnedRecord implements OwnedRecord {
  readonly podId: string;
  readonly directory: string;
  readonly #disk: FakeDisk;

  constructor(disk: FakeDisk, podId: string) {
    this.#disk = disk;
    this.podId = podId;
    this.directory = `/fake/${podId}`;
  }

  async save(record: PodRecord): Promise<void> {
    const place = this.#disk.pods.get(this.podId);
    if (place === undefined) {
      throw new VirtcontainersError('not-found', `cannot save pod ${this.podId}: it was removed`);
    }
    place.text = JSON.stringify(record);
    this.#disk.saves++;
  }

  async load(): Promise<PodRecord> {
    const place = this.#disk.pods.get(this.podId);
    if (place === undefined)
      throw new VirtcontainersError('not-found', 'cannot load: it was removed');
    return read(this.podId, place);
  }

  async reserveContainer(containerId: string): Promise<void> {
    const holder = this.#disk.names.get(containerId);
    if (holder !== undefined) {
      const reason = `pod ${holder} has one of that id`;
      throw new VirtcontainersError('already-exists', `cannot reserve ${containerId}: ${reason}`);
    }
    this.#disk.names.set(containerId, this.podId);
  }

  async releaseContainer(containerId: string): Promise<void> {
    if (this.#disk.names.get(containerId) === this.podId) this.#disk.names.delete(containerId);
  }

  async remove(): Promise<void> {
    this.#disk.pods.delete(this.podId);
    for (const [name, podId] of this.#disk.names) {
      if (podId === this.podId) this.#disk.names.delete(name);
    }
  }

  async close(): Promise<void> {
    const place = this.#disk.pods.get(this.podId);
    if (place !== undefined) place.owner = null;
  }
}

function read(podId: string, place: Place): PodRecord {
  if (place.text === null) {
    throw new VirtcontainersError('not-found', `cannot load pod ${podId}: it has no record`);
  }
  try {
    return JSON.parse(place.text) as PodRecord;
  } catch (error) {
    throw new VirtcontainersError('internal', `cannot load pod ${podId}: record.json is damaged`, {
      cause: error,
    });
  }
}
