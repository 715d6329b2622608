// A pod's record in memory and its saving: one writer, whole records.

import { span } from '../base/trace/span.js';
import type { OwnedRecord, PodRecord } from '../host/store/store.js';
import type { Handle } from '../model/handle.js';

/** The record that a pod keeps up to date; the file follows by `save`. */
export class PodBook {
  readonly owned: OwnedRecord;
  #record: PodRecord;

  constructor(owned: OwnedRecord, first: PodRecord) {
    this.owned = owned;
    this.#record = first;
  }

  get record(): PodRecord {
    return this.#record;
  }

  /** Changes the record in memory. */
  update(change: Partial<Omit<PodRecord, 'version'>>): void {
    this.#record = { ...this.#record, ...change };
  }

  /** Notes something to be released and saves at once: it exists already. */
  async hold(handle: Handle): Promise<void> {
    this.update({ handles: [...this.#record.handles, handle] });
    await this.save();
  }

  /** Forgets what has been released; the next save tells. */
  drop(handle: Handle): void {
    this.update({ handles: this.#record.handles.filter((held) => held !== handle) });
  }

  /** Writes the record as it is now. */
  save(): Promise<void> {
    return span('save-record', () => this.owned.save(this.#record));
  }
}
