// A store in memory that several "processes" can look at: each has its own view, whose death drops its locks.
import { mkdirSync, rmSync } from 'node:fs';
import { VirtcontainersError } from '../base/errors.js';
import type { OwnedRecord, PodRecord, Store } from '../host/store/store.js';
import { validateId } from '../model/id.js';

interface Place {
  /** Whoever holds the lock. */
  owner: FakeOwnedRecord | null;
  /** As text: what comes out is a copy, and can be damaged. */
  text: string | null;
}

/** What is on the "disk". */
export class FakeDisk {
  readonly pods = new Map<string, Place>();
  readonly names = new Map<string, string>();
  /** How often a record was written. */
  saves = 0;
  /** Holds the pods' directories; null: nobody looks into them, and there are none. */
  readonly root: string | null;

  constructor(root: string | null = null) {
    this.root = root;
  }
}

export class FakeStore implements Store {
  readonly #disk: FakeDisk;

  constructor(disk: FakeDisk = new FakeDisk()) {
    this.#disk = disk;
  }

  directoryOf(podId: string): string {
    return `${this.#disk.root ?? '/fake'}/${validateId('pod', podId)}`;
  }

  async create(podId: string): Promise<OwnedRecord> {
    validateId('pod', podId);
    if (this.#disk.pods.has(podId)) {
      throw new VirtcontainersError('already-exists', `cannot create pod ${podId}: it exists`, {
        details: { podId },
      });
    }
    const place: Place = { owner: null, text: null };
    this.#disk.pods.set(podId, place);
    if (this.#disk.root !== null) mkdirSync(this.directoryOf(podId), { recursive: true });
    return this.#own(podId, place);
  }

  async takeOver(podId: string): Promise<OwnedRecord> {
    const place = this.#place(podId);
    if (place.owner !== null) {
      throw new VirtcontainersError(
        'invalid-state',
        `cannot take over pod ${podId}: its owner lives`,
      );
    }
    return this.#own(podId, place);
  }

  async load(podId: string): Promise<PodRecord> {
    return read(podId, this.#place(podId));
  }

  async list(): Promise<readonly string[]> {
    return [...this.#disk.pods.keys()];
  }

  async hasLiveOwner(podId: string): Promise<boolean> {
    validateId('pod', podId);
    return (this.#disk.pods.get(podId)?.owner ?? null) !== null;
  }

  /** The process of this view dies: its locks are free, its records stay. */
  die(): void {
    for (const place of this.#disk.pods.values()) {
      if (place.owner?.store === this) place.owner = null;
    }
  }

  #own(podId: string, place: Place): OwnedRecord {
    const owned = new FakeOwnedRecord(this, this.#disk, { podId, place });
    place.owner = owned;
    return owned;
  }

  #place(podId: string): Place {
    const place = this.#disk.pods.get(validateId('pod', podId));
    if (place !== undefined) return place;
    throw new VirtcontainersError('not-found', `cannot find pod ${podId}: it does not exist`);
  }
}

class FakeOwnedRecord implements OwnedRecord {
  readonly store: FakeStore;
  readonly podId: string;
  readonly directory: string;
  readonly #disk: FakeDisk;
  readonly #place: Place;

  constructor(
    store: FakeStore,
    disk: FakeDisk,
    pod: { readonly podId: string; readonly place: Place },
  ) {
    this.store = store;
    this.podId = pod.podId;
    this.directory = store.directoryOf(pod.podId);
    this.#disk = disk;
    this.#place = pod.place;
  }

  async save(record: PodRecord): Promise<void> {
    this.#requireOwned('save');
    this.#place.text = JSON.stringify(record);
    this.#disk.saves++;
  }

  async load(): Promise<PodRecord> {
    return read(this.podId, this.#place);
  }

  async reserveContainer(containerId: string): Promise<void> {
    this.#requireOwned('reserve a name for');
    const holder = this.#disk.names.get(validateId('container', containerId));
    if (holder !== undefined) {
      const reason = `pod ${holder} has a container of that name`;
      throw new VirtcontainersError(
        'already-exists',
        `cannot create container ${containerId}: ${reason}`,
        { details: { podId: holder } },
      );
    }
    this.#disk.names.set(containerId, this.podId);
  }

  async releaseContainer(containerId: string): Promise<void> {
    validateId('container', containerId);
    if (this.#disk.names.get(containerId) === this.podId) this.#disk.names.delete(containerId);
  }

  async remove(): Promise<void> {
    if (this.#disk.pods.get(this.podId) !== this.#place) return;
    this.#requireOwned('remove');
    this.#disk.pods.delete(this.podId);
    if (this.#disk.root !== null) rmSync(this.directory, { recursive: true });
    this.#place.owner = null;
    for (const [name, podId] of this.#disk.names) {
      if (podId === this.podId) this.#disk.names.delete(name);
    }
  }

  async close(): Promise<void> {
    if (this.#place.owner === this) this.#place.owner = null;
  }

  #requireOwned(verb: string): void {
    if (this.#place.owner === this) return;
    throw new VirtcontainersError(
      'invalid-state',
      `cannot ${verb} pod ${this.podId}: this process has given it up`,
    );
  }
}

function read(podId: string, place: Place): PodRecord {
  if (place.text === null) {
    throw new VirtcontainersError('internal', `cannot load pod ${podId}: it has no record`, {
      details: { reason: 'no-record' },
    });
  }
  try {
    return JSON.parse(place.text) as PodRecord;
  } catch (error) {
    throw new VirtcontainersError('internal', `cannot load pod ${podId}: record.json is damaged`, {
      cause: error,
    });
  }
}
