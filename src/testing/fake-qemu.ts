// A QEMU without a machine: speaks QMP on the sockets that the arguments name, and fails where a test wants it to.
import { mkdirSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { JailedExit, JailedProcess, JailSpec } from '../base/namespaces/jail.js';

type Answer = Readonly<Record<string, unknown>>;

interface Request {
  readonly execute: string;
  readonly arguments?: Answer;
  readonly id: unknown;
}

export interface FakeQemuBehaviour {
  /** Where it ends by itself: before it listens, when QMP connects, or instead of answering a command. */
  readonly exitAt?: string;
  /** What it does not answer: `greeting` or a command. */
  readonly silentAt?: string;
  /** What it refuses, with a description. */
  readonly refuses?: Readonly<Record<string, string>>;
  /** What it answers instead of an empty object. */
  readonly answers?: Readonly<Record<string, unknown>>;
  /** Bytes it sends instead of its greeting. */
  readonly garbage?: string;
  /** What it writes to its standard error when it starts. */
  readonly stderr?: string;
  /** Whether it leaves `quit` without effect. */
  readonly ignoresQuit?: boolean;
  /** Who answers on its other sockets, by their names: `agent`, `console`. */
  readonly sockets?: Readonly<Record<string, (socket: Socket) => void>>;
  /** How a state is sent or loaded. Default: as it should be. */
  readonly migration?: FakeMigration;
  /** Called for each command, before it is answered, and with `seal` when its jail is sealed. */
  readonly onCommand?: (command: string) => void;
}

export interface FakeMigration {
  /** What is sent of a state that is saved; null sends nothing and never ends. Default: a few bytes. */
  readonly state?: Uint8Array | null;
  /** How the migration ends; with null nothing is told of its end. Default: completed. */
  readonly status?: 'completed' | 'failed' | null;
}

const greeting = {
  QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 } }, capabilities: [] },
};

/** The pid of every fake. No process has it: pids end below this. */
export const noPid = 2 ** 22 + 1;

/** One start of a fake QEMU, with the sockets of `JailSpec.cwd`. */
export class FakeQemu {
  readonly commands: { readonly name: string; readonly arguments: unknown }[] = [];
  readonly process: JailedProcess;
  readonly #behaviour: FakeQemuBehaviour;
  readonly #servers: Server[] = [];
  readonly #sockets = new Map<string, Set<Socket>>();
  readonly #stderr = new PassThrough();
  #cwd = '/';
  #settle: (exit: JailedExit) => void = () => {};
  /** How it has ended; null while it runs. */
  exit: JailedExit | null = null;

  constructor(spec: JailSpec, behaviour: FakeQemuBehaviour) {
    this.#behaviour = behaviour;
    this.process = {
      pid: noPid,
      stderr: this.#stderr,
      exited: new Promise((resolve) => {
        this.#settle = resolve;
      }),
      kill: (signal) => this.end({ code: null, signal }),
      isolation: { userNamespace: true, idmappedBinds: true },
      seal: async () => behaviour.onCommand?.('seal'),
    };
    this.#stderr.write(behaviour.stderr ?? '');
    if (behaviour.exitAt === 'spawn') this.end({ code: 1, signal: null });
    else this.#listen(spec);
  }

  /** Sends an event on every QMP connection. */
  event(name: string, data: Answer = {}): void {
    this.#broadcast('qmp', `${JSON.stringify({ event: name, data, timestamp: {} })}\r\n`);
  }

  /** Writes on the guest's console. */
  print(text: string | Uint8Array): void {
    this.#broadcast('console', text);
  }

  /** Closes the QMP connections, and lives on. */
  dropQmp(): void {
    for (const socket of this.#sockets.get('qmp') ?? []) socket.destroy();
  }

  /** Ends, as a process does: every socket closes. */
  end(exit: JailedExit): void {
    if (this.exit !== null) return;
    this.exit = exit;
    for (const server of this.#servers) server.close();
    for (const sockets of this.#sockets.values()) for (const socket of sockets) socket.end();
    this.#stderr.end();
    this.#settle(exit);
  }

  #listen({ argv, cwd = '/' }: JailSpec): void {
    this.#cwd = cwd;
    mkdirSync(cwd, { recursive: true });
    for (const argument of argv) {
      const match = /^socket,id=([^,]+),path=([^,]+),/.exec(argument);
      if (match === null) continue;
      const [, id = '', path = ''] = match;
      const sockets = new Set<Socket>();
      this.#sockets.set(id, sockets);
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket)).on('error', () => {});
        if (id === 'qmp') this.#serve(socket);
        else this.#behaviour.sockets?.[id]?.(socket);
      });
      server.on('error', (error) => {
        this.#stderr.write(`qemu: ${error.message}\n`);
        this.end({ code: 1, signal: null });
      });
      this.#servers.push(server.listen(`${cwd}/${path}`));
    }
  }

  #serve(socket: Socket): void {
    const { exitAt, silentAt, garbage } = this.#behaviour;
    if (exitAt === 'greeting') {
      this.end({ code: 1, signal: null });
      return;
    }
    if (garbage !== undefined) socket.write(garbage);
    else if (silentAt !== 'greeting') socket.write(`${JSON.stringify(greeting)}\r\n`);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.#answer(socket, JSON.parse(line));
    });
  }

  #answer(socket: Socket, request: Request): void {
    const { id } = request;
    const { exitAt, silentAt, refuses = {}, answers = {} } = this.#behaviour;
    this.commands.push({ name: request.execute, arguments: request.arguments });
    // Devices can be told apart by their driver: `device_add pc-dimm`.
    const driver = request.arguments?.['driver'];
    const name = driver === undefined ? request.execute : `${request.execute} ${driver}`;
    this.#behaviour.onCommand?.(name);
    if (exitAt === name) this.end({ code: 1, signal: null });
    if (exitAt === name || silentAt === name) return;
    const refusal = refuses[name];
    const answer: Answer =
      refusal === undefined
        ? { return: answers[name] ?? {}, id }
        : { error: { class: 'GenericError', desc: refusal }, id };
    socket.write(`${JSON.stringify(answer)}\r\n`);
    if (refusal === undefined && name === 'migrate') this.#sendState(request.arguments?.['uri']);
    if (refusal === undefined && name === 'migrate-incoming') this.#migrated(false);
    if (name === 'quit' && !this.#behaviour.ignoresQuit) {
      this.event('SHUTDOWN', { guest: false, reason: 'host-qmp-quit' });
      this.end({ code: 0, signal: null });
    }
  }

  #sendState(uri: unknown): void {
    const { state = Buffer.from('the state') } = this.#behaviour.migration ?? {};
    const socket = connect(`${this.#cwd}/${String(uri).replace('unix:', '')}`);
    this.#sockets.set('state', new Set([socket]));
    let isBroken = false;
    socket.on('error', () => {
      isBroken = true;
    });
    socket.on('close', () => this.#migrated(isBroken));
    if (state !== null) socket.end(state);
  }

  #migrated(isBroken: boolean): void {
    const { status = 'completed' } = this.#behaviour.migration ?? {};
    this.event('MIGRATION', { status: 'active' });
    if (status !== null) this.event('MIGRATION', { status: isBroken ? 'failed' : status });
  }

  #broadcast(name: string, bytes: string | Uint8Array): void {
    for (const socket of this.#sockets.get(name) ?? []) socket.write(bytes);
  }
}
