// A container runtime without processes: containers are scripted in memory, for tests of the agent and of pods.
import { PassThrough, Writable } from 'node:stream';
import { VirtcontainersError } from '../base/errors.js';
import type {
  ByteSource,
  ContainerRuntime,
  NewContainer,
  NewProcess,
  ProcessEnd,
  ProcessGroup,
  ProcessOptions,
  RuntimeContainer,
  RuntimeProcess,
  TerminalSize,
} from '../guest/doors.js';
import type { ContainerUsage, ProcessListing } from '../guest/usage.js';
import { toByteSource } from './byte-source.js';
import { type FakeDescendant, type FakeProgram, fakePrograms } from './fake-programs.js';

/** Where a fault can be injected; all but the first and the last are steps of a container that exists. */
export type FakeStep = 'create' | 'start' | 'exec' | 'pause' | 'resume' | 'destroy';

export interface FakeCrunOptions {
  /** Programs by the name of their command; `fakePrograms` are there in any case. */
  readonly programs?: Readonly<Record<string, FakeProgram>>;
  /** Called before each step; what it throws or rejects with, the step fails with. */
  readonly onStep?: (step: FakeStep, containerId: string) => void | Promise<void>;
}

/** A `ContainerRuntime` whose containers run `FakeProgram`s. `containers` is what exists now. */
export class FakeCrun implements ContainerRuntime {
  readonly containers = new Map<string, FakeContainer>();
  /** How often the shares were let go. */
  sharesReleased = 0;
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #onStep: (step: FakeStep, containerId: string) => void | Promise<void>;

  constructor(options: FakeCrunOptions = {}) {
    this.#programs = { ...fakePrograms, ...options.programs };
    this.#onStep = options.onStep ?? (() => {});
  }

  async create(container: NewContainer): Promise<RuntimeContainer> {
    await this.#onStep('create', container.id);
    if (this.containers.has(container.id)) {
      throw new VirtcontainersError('already-exists', `cannot create container ${container.id}`);
    }
    const made = new FakeContainer(container, this.#programs, this.#onStep);
    this.containers.set(container.id, made);
    return made;
  }

  releaseShares(): void {
    this.sharesReleased += 1;
  }

  async destroy(id: string): Promise<void> {
    await this.#onStep('destroy', id);
    this.containers.get(id)?.killAll();
    this.containers.delete(id);
  }
}

/** What each container of the fake uses. */
export const fakeUsage: ContainerUsage = {
  cpu: { usageUs: 1_500, userUs: 1_000, systemUs: 500, throttled: null },
  memory: {
    currentBytes: 4_096_000,
    inactiveFileBytes: 96_000,
    peakBytes: 5_000_000,
    limitBytes: null,
    oomKills: 0,
  },
  pids: { current: 1, limit: 4096 },
  io: null,
};

/** A container of the fake: its specification as it came, and its processes. */
export class FakeContainer implements RuntimeContainer {
  readonly init: FakeProcess;
  readonly options: NewContainer;
  isPaused = false;
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #onStep: (step: FakeStep, containerId: string) => void | Promise<void>;
  readonly #processes: FakeProcess[] = [];
  #oomKills = 0;

  constructor(
    options: NewContainer,
    programs: Readonly<Record<string, FakeProgram>>,
    onStep: (step: FakeStep, containerId: string) => void | Promise<void>,
  ) {
    this.options = options;
    this.#programs = programs;
    this.#onStep = onStep;
    const { args = [], ...process } = (options.spec['process'] ?? {}) as { args?: string[] };
    // Its init is as good as none: programs of the fake leave nothing to be reaped.
    this.init = this.#make(options, {
      ...process,
      args: args[0] === '/dev/init' ? args.slice(2) : args,
    });
  }

  async start(): Promise<void> {
    await this.#onStep('start', this.options.id);
    this.init.run();
  }

  async exec(process: NewProcess): Promise<RuntimeProcess> {
    await this.#onStep('exec', this.options.id);
    if (this.init.hasEnded) {
      throw new VirtcontainersError('invalid-state', `cannot exec in ${this.options.id}: stopped`);
    }
    const made = this.#make(process, process.process);
    made.run();
    return made;
  }

  oomKills(): number {
    return this.#oomKills;
  }

  /** As the kernel's freezer, as far as signals go: all but SIGKILL wait. */
  async pause(): Promise<void> {
    await this.#onStep('pause', this.options.id);
    this.isPaused = true;
    for (const process of this.#processes) process.freeze();
  }

  async resume(): Promise<void> {
    await this.#onStep('resume', this.options.id);
    this.isPaused = false;
    for (const process of this.#processes) process.thaw();
  }

  usage(): ContainerUsage {
    return fakeUsage;
  }

  async listProcesses(): Promise<ProcessListing> {
    const running = this.#processes.filter((process) => !process.hasEnded);
    const processes = running.map((process) => ({
      pid: process.pid,
      parentPid: process === this.init ? 1 : this.init.pid,
      uid: 0,
      state: 'S',
      name: process.args[0]?.slice(0, 15) ?? '',
      args: process.args,
      elapsedMs: 5,
    }));
    return { processes, total: processes.length };
  }

  /** How many of its processes run, those included that others have left behind. */
  get running(): number {
    return this.#processes.reduce((count, process) => count + process.running, 0);
  }

  killAll(): void {
    for (const process of this.#processes) process.signalAll(9);
  }

  #make(options: ProcessOptions, description: unknown): FakeProcess {
    const { args, terminal, env } = toDescription(description);
    const command = args[0] ?? '';
    const program = this.#programs[command.replace(/^\/bin\//, '')];
    if (program === undefined) {
      const reason = command === '/not-executable' ? 'command-not-executable' : 'command-not-found';
      const what = `cannot execute ${JSON.stringify(command)}`;
      throw new VirtcontainersError('invalid-argument', `${what}: ${reason}`, {
        details: { reason },
      });
    }
    const process = new FakeProcess({
      ...options,
      args,
      env,
      terminal,
      program,
      onOom: () => {
        this.#oomKills += 1;
      },
    });
    if (this.#processes.length === 0) {
      process.group = {
        signalAll: (signal) => {
          for (const one of this.#processes) one.signalOwn(signal);
        },
        hasAny: () => this.running > 0,
      };
    }
    process.heir = this.#processes[0] ?? null;
    this.#processes.push(process);
    // The death of a container's first process takes the others with it, as a pid namespace does.
    if (this.#processes.length === 1) process.ended.then(() => this.killAll());
    return process;
  }
}

interface FakeProcessOptions extends ProcessOptions {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly terminal: boolean;
  readonly program: FakeProgram;
  readonly onOom: () => void;
}

let nextPid = 100;

/** A process that is one running `FakeProgram`. */
export class FakeProcess implements RuntimeProcess {
  readonly pid = nextPid++;
  readonly terminal: boolean;
  readonly stdin: Writable | null;
  readonly stdout: ByteSource;
  readonly stderr: ByteSource | null;
  readonly ended: Promise<ProcessEnd>;
  /** The sizes its terminal was given, the first one included. */
  readonly sizes: TerminalSize[] = [];
  hasEnded = false;
  /** Whom a signal to all reaches; a container's first process stands for all of them. */
  group: ProcessGroup = {
    signalAll: (signal) => this.signalOwn(signal),
    hasAny: () => this.running > 0,
  };
  readonly descendants = new Set<Required<FakeDescendant>>();
  /** Takes over what it has left behind when it is closed. */
  heir: FakeProcess | null = null;
  readonly #options: FakeProcessOptions;
  readonly #streams: { stdin: PassThrough; stdout: PassThrough; stderr: PassThrough };
  readonly #handlers = new Map<number, () => void>();
  #end: (end: ProcessEnd) => void = () => {};
  /** Signals that wait; null while it is not frozen. */
  #waiting: number[] | null = null;
  #runs = false;

  constructor(options: FakeProcessOptions) {
    this.#options = options;
    this.#streams = {
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
    };
    for (const stream of Object.values(this.#streams)) stream.on('error', () => {});
    this.terminal = options.terminal;
    this.stdin = options.stdin ? toInput(this.#streams.stdin) : null;
    if (!options.stdin) this.#streams.stdin.end();
    this.stdout = toByteSource(this.#streams.stdout);
    this.stderr = options.terminal ? null : toByteSource(this.#streams.stderr);
    if (options.terminalSize !== null) this.sizes.push(options.terminalSize);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Begins the program. */
  run(): void {
    this.#runs = true;
    const { stdin, stdout, stderr } = this.#streams;
    const context = {
      args: this.#options.args,
      env: this.#options.env,
      stdin,
      stdout,
      stderr: this.terminal ? stdout : stderr,
      sizes: this.sizes,
      onSignal: (signal: number, handler: () => void) => {
        this.#handlers.set(signal, handler);
      },
      oom: () => {
        this.#options.onOom();
        this.#finish({ code: 0, signal: 9 });
      },
      kill: () => this.#finish({ code: 0, signal: 9 }),
      fork: (descendant: FakeDescendant = {}) => {
        this.descendants.add({ ignoresTerm: false, holdsOutput: false, ...descendant });
      },
    };
    this.#options.program(context).then(
      (code) => this.#finish({ code, signal: 0 }),
      () => this.#finish({ code: 1, signal: 0 }),
    );
  }

  get args(): readonly string[] {
    return this.#options.args;
  }

  freeze(): void {
    this.#waiting ??= [];
  }

  thaw(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const signal of waiting) this.signal(signal);
  }

  signal(signal: number): void {
    if (this.#waiting !== null && signal !== 9) {
      this.#waiting.push(signal);
      return;
    }
    const handler = signal === 9 ? undefined : this.#handlers.get(signal);
    // SIGCHLD, SIGCONT, SIGURG and SIGWINCH are ignored unless handled.
    if (handler !== undefined) handler();
    else if (![0, 17, 18, 23, 28].includes(signal)) this.#finish({ code: 0, signal });
  }

  signalAll(signal: number): void {
    this.group.signalAll(signal);
  }

  hasAny(): boolean {
    return this.group.hasAny();
  }

  /** How many run of it and what it has left behind. */
  get running(): number {
    return this.descendants.size + (this.hasEnded || !this.#runs ? 0 : 1);
  }

  /** A signal to it and to what it has left behind. */
  signalOwn(signal: number): void {
    for (const one of this.descendants) {
      if (signal === 9 || !one.ignoresTerm) this.descendants.delete(one);
    }
    if (!this.hasEnded) this.signal(signal);
    this.#endOutput();
  }

  resize(size: TerminalSize): void {
    this.sizes.push({ columns: size.columns, rows: size.rows });
  }

  close(): void {
    if (this.heir !== null) {
      for (const one of this.descendants) this.heir.descendants.add(one);
      this.descendants.clear();
    }
    for (const stream of Object.values(this.#streams)) stream.destroy();
  }

  #finish(end: ProcessEnd): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.#streams.stdin.destroy();
    this.#endOutput();
    this.#end(end);
  }

  // As with a pipe: it ends when nobody has it open any more.
  #endOutput(): void {
    const isHeld = [...this.descendants].some((one) => one.holdsOutput);
    if (!this.hasEnded || isHeld) return;
    this.#streams.stdout.end();
    this.#streams.stderr.end();
  }
}

// As with a pipe: closing the agent's end is end of file for the program, after what was written; the program's own end
// closes the agent's.
function toInput(stdin: PassThrough): Writable {
  const input = new Writable({
    write: (chunk, _encoding, done) => {
      if (stdin.write(chunk)) return done();
      stdin.once('drain', done);
    },
    destroy: (error, done) => {
      if (!stdin.destroyed) stdin.end();
      done(error);
    },
  });
  stdin.on('close', () => input.destroy());
  return input;
}

function toDescription(value: unknown): { args: string[]; env: string[]; terminal: boolean } {
  const description = (value ?? {}) as { args?: string[]; env?: string[]; terminal?: boolean };
  return {
    args: description.args ?? [],
    env: description.env ?? [],
    terminal: description.terminal ?? false,
  };
}
