// The events of one container in an order that makes sense: a start before the end, the ends of its processes before its own.
import type { ExitStatus } from '../../model/exit-status.js';
import type { EventBody } from './event-hub.js';

// A guest may never tell how a process ended that has gone with its container.
const holdMs = 2_000;

export class ContainerEvents {
  readonly #containerId: string;
  readonly #tell: (body: EventBody) => void;
  // The processes of exec whose end has not been told.
  readonly #execs = new Set<string>();
  #isKnown = false;
  #isStarting = false;
  #end: { readonly exit: ExitStatus | null } | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(containerId: string, tell: (body: EventBody) => void) {
    this.#containerId = containerId;
    this.#tell = tell;
  }

  /** It is there for everybody; nothing is told before. */
  created(): void {
    this.#isKnown = true;
    this.#say({ kind: 'container-created' });
  }

  /** Its start is asked for: until the answer, its end waits. */
  starting(): void {
    this.settle();
    this.#isStarting = true;
  }

  started(): void {
    this.#say({ kind: 'container-started' });
    this.#isStarting = false;
    this.#release();
  }

  paused(): void {
    this.#say({ kind: 'container-paused' });
  }

  resumed(): void {
    this.#say({ kind: 'container-resumed' });
  }

  /** It has ended; told when all its processes have. */
  exited(exit: ExitStatus | null): void {
    this.#end = { exit };
    this.#release();
    if (this.#end === null) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#endExecs(), holdMs);
    this.#timer.unref();
  }

  execStarted(processId: string): void {
    this.#execs.add(processId);
    this.#say({ kind: 'exec-started', processId });
  }

  execExited(processId: string, exit: ExitStatus | null): void {
    if (!this.#execs.delete(processId)) return;
    this.#sayOom(exit);
    this.#say({ kind: 'exec-exited', processId, exit });
    this.#release();
  }

  /** Nothing more will be heard of what runs in it: what waits is told now. */
  settle(): void {
    this.#isStarting = false;
    this.#endExecs();
    this.#release();
  }

  deleted(exit: ExitStatus | null): void {
    this.settle();
    this.#say({ kind: 'container-deleted', exit });
    this.#isKnown = false;
  }

  #endExecs(): void {
    for (const processId of [...this.#execs]) this.execExited(processId, null);
  }

  #release(): void {
    if (this.#end === null || this.#isStarting || this.#execs.size > 0) return;
    const { exit } = this.#end;
    this.#end = null;
    clearTimeout(this.#timer);
    this.#sayOom(exit);
    this.#say({ kind: 'container-exited', exit });
  }

  #sayOom(exit: ExitStatus | null): void {
    if (exit?.reason === 'oom') this.#say({ kind: 'container-oom' });
  }

  #say(event: ContainerBody): void {
    if (this.#isKnown) this.#tell({ ...event, containerId: this.#containerId } as EventBody);
  }
}

type OfContainer<T> = T extends { readonly containerId: string } ? Omit<T, 'containerId'> : never;
type ContainerBody = OfContainer<EventBody>;
