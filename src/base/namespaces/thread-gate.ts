// Lets a process leave only while its worker thread is in no native call: Node kills a thread wherever it is, and koffi
// answers that by aborting the whole process.

const entered = 0;
const closed = 1;

/** Counts who is inside, over memory that both threads share. */
export class ThreadGate {
  readonly cells: Int32Array;

  /** @param cells another thread's gate; without them a new one, with its thread inside. */
  constructor(cells?: Int32Array) {
    this.cells = cells ?? new Int32Array(new SharedArrayBuffer(8));
    if (cells === undefined) this.cells[entered] = 1;
  }

  /** For the worker; false where the process is about to leave: then nothing may begin. */
  enter(): boolean {
    // Entered first and asked then, as close() closes first and looks then: one of the two sees the other.
    Atomics.add(this.cells, entered, 1);
    if (Atomics.load(this.cells, closed) === 0) return true;
    this.leave();
    return false;
  }

  /** For the worker, once per entry, the one that it began with included. */
  leave(): void {
    Atomics.sub(this.cells, entered, 1);
    Atomics.notify(this.cells, entered);
  }

  /** For the process, before it leaves: nobody enters any more, and nobody is inside, unless the time is up (milliseconds). */
  close(timeoutMs: number): void {
    Atomics.store(this.cells, closed, 1);
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const inside = Atomics.load(this.cells, entered);
      const leftMs = endMs - performance.now();
      if (inside === 0 || leftMs <= 0) return;
      Atomics.wait(this.cells, entered, inside, leftMs);
    }
  }
}
