// A container that exists: its first process, those added by exec, and what they have in common.
import { VirtcontainersError } from '../base/errors.js';
import type { NewProcess, ProcessGroup, RuntimeContainer } from './doors.js';
import { OomKills } from './oom-kills.js';
import { Process } from './process.js';
import type { ContainerUsage, ListedProcess } from './usage.js';

const SIGKILL = 9;

/** A container in the agent's care. */
export class Container {
  readonly id: string;
  readonly init: Process;
  readonly #container: RuntimeContainer;
  readonly #admit: (what: string) => void;
  /** Null while the process is being made. */
  readonly #execs = new Map<string, Process | null>();
  readonly #oomKills: OomKills;
  /** Never reject. */
  readonly #making = new Set<Promise<unknown>>();
  #started = false;
  #isPaused = false;

  /** @param admit throws where the VM must not have one process more */
  constructor(id: string, container: RuntimeContainer, admit: (what: string) => void) {
    this.id = id;
    this.#admit = admit;
    this.#container = container;
    this.#oomKills = new OomKills(() => container.oomKills());
    this.init = new Process(container.init, {
      isInit: true,
      killsBefore: 0,
      oomKills: this.#oomKills,
    });
  }

  /** How many processes it has, being made or not yet released. */
  get processes(): number {
    return 1 + this.#execs.size;
  }

  async start(): Promise<void> {
    if (this.#started) this.#refuse('start', 'it has been started before');
    this.#started = true;
    await this.#container.start();
  }

  async exec(process: NewProcess): Promise<Process> {
    const what = `cannot exec process ${process.id} in container ${this.id}`;
    if (!this.#started || this.init.status !== null) this.#refuse('exec in', 'it does not run');
    if (this.#isPaused) this.#refuse('exec in', 'it is paused');
    if (this.#execs.has(process.id)) {
      throw new VirtcontainersError('already-exists', `${what}: it exists`);
    }
    this.#admit(what);
    this.#execs.set(process.id, null);
    try {
      const oomKills = this.#oomKills;
      const killsBefore = oomKills.count;
      const made = await this.#whileMaking(this.#container.exec(process));
      const exec = new Process(made, { isInit: false, killsBefore, oomKills });
      this.#execs.set(process.id, exec);
      return exec;
    } catch (error) {
      this.#execs.delete(process.id);
      throw error;
    }
  }

  /** @param processId empty for the first process */
  process(processId: string): Process {
    const process = processId === '' ? this.init : this.#execs.get(processId);
    if (process instanceof Process) return process;
    throw new VirtcontainersError(
      'not-found',
      `cannot find process ${processId} in container ${this.id}: there is none`,
      { details: { reason: 'no-such-process' } },
    );
  }

  /** @param processId empty for all processes of the container; one that is being made is waited for */
  async group(processId: string): Promise<ProcessGroup> {
    if (this.#execs.get(processId) === null) await Promise.all(this.#making);
    if (processId !== '') return this.process(processId);
    return {
      signalAll: (signal) => {
        this.noteSignal(signal);
        this.init.signalAll(signal);
      },
      hasAny: () => this.init.hasAny(),
    };
  }

  /** Stops all its processes; until `resume`, none can be added. */
  async pause(): Promise<void> {
    if (!this.#started || this.init.status !== null) this.#refuse('pause', 'it does not run');
    // A process that is being made would stand still with whoever makes it: neither would ever answer.
    this.#isPaused = true;
    try {
      await Promise.all(this.#making);
      if (!this.#isPaused) this.#refuse('pause', 'it was resumed meanwhile');
      await this.#container.pause();
    } catch (error) {
      this.#isPaused = false;
      throw error;
    }
    if (this.init.status !== null) this.#refuse('pause', 'it has ended');
  }

  /** Lets them go on; safe to repeat. */
  async resume(): Promise<void> {
    await this.#container.resume();
    this.#isPaused = false;
  }

  usage(): ContainerUsage {
    return this.#container.usage();
  }

  /** All its processes, whoever made them; of those the host knows with their ids, the empty one for init. */
  async listProcesses(): Promise<{
    readonly processes: readonly (readonly [ListedProcess, string | null])[];
    readonly total: number;
  }> {
    const ids = new Map<number, string>([[this.init.pid, '']]);
    for (const [id, process] of this.#execs) {
      if (process !== null && process.status === null) ids.set(process.pid, id);
    }
    const { processes, total } = await this.#container.listProcesses(
      (pid) => ids.get(pid)?.length ?? 0,
    );
    return { total, processes: processes.map((one) => [one, ids.get(one.pid) ?? null] as const) };
  }

  /** Notes a signal that the host sends to all its processes. */
  noteSignal(signal: number): void {
    for (const process of [this.init, ...this.#execs.values()]) process?.noteSignal(signal);
  }

  /** Forgets a process that has ended; safe to repeat. */
  release(processId: string): void {
    if (!this.#execs.has(processId)) return;
    const process = this.process(processId);
    if (process.status === null) this.#refuse(`release process ${processId} of`, 'it runs');
    this.#execs.delete(processId);
    process.close(this.#gone());
  }

  /** Ends a process of which nobody knows, with all that came from it, and forgets it. */
  async discard(processId: string): Promise<void> {
    const process = this.process(processId);
    process.signalAll(SIGKILL);
    await process.ended;
    this.release(processId);
  }

  /** Drops the streams of all its processes. */
  close(): void {
    for (const process of [this.init, ...this.#execs.values()]) process?.close(this.#gone());
    this.#execs.clear();
  }

  async #whileMaking<T>(making: Promise<T>): Promise<T> {
    const settled = making.catch(() => {});
    this.#making.add(settled);
    try {
      return await making;
    } finally {
      this.#making.delete(settled);
    }
  }

  #gone(): VirtcontainersError {
    return new VirtcontainersError('not-found', `cannot use container ${this.id}: it is gone`, {
      details: { reason: 'no-such-process' },
    });
  }

  #refuse(verb: string, reason: string): never {
    throw new VirtcontainersError(
      'invalid-state',
      `cannot ${verb} container ${this.id}: ${reason}`,
    );
  }
}
