// The programs that containers of the fake runtime can run, by the name of their command.
import { once } from 'node:events';
import type { PassThrough } from 'node:stream';
import type { TerminalSize } from '../guest/doors.js';

export interface FakeProgramContext {
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Ends at once if the process has no input. */
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  /** The terminal's output where there is one. */
  readonly stderr: PassThrough;
  readonly sizes: readonly TerminalSize[];
  /** Handles a signal instead of ending by it; not possible for SIGKILL. */
  onSignal(signal: number, handler: () => void): void;
  /** Ends the process as the kernel's OOM killer does. */
  oom(): void;
  /** Ends the process as SIGKILL from another one in the container does. */
  kill(): void;
  /** Leaves something behind that runs until a signal to all reaches it. */
  fork(descendant?: FakeDescendant): void;
}

/** What a fake process has left behind. */
export interface FakeDescendant {
  /** Ends by SIGKILL alone. Default false. */
  readonly ignoresTerm?: boolean;
  /** Keeps the output open. Default false. */
  readonly holdsOutput?: boolean;
}

/** Resolves to the exit code. */
export type FakeProgram = (context: FakeProgramContext) => Promise<number>;

const never = new Promise<never>(() => {});
const SIGTERM = 15;

async function write(stream: PassThrough, data: string | Uint8Array): Promise<void> {
  if (stream.write(data)) return;
  const settled = new AbortController();
  const options = { signal: settled.signal };
  // The listeners of the event that does not come go too.
  const events = ['drain', 'close'].map((event) => once(stream, event, options));
  for (const event of events) event.catch(() => {});
  await Promise.race(events).finally(() => settled.abort());
}

/** What is always there. */
export const fakePrograms: Readonly<Record<string, FakeProgram>> = {
  /** `echo WORD…` */
  echo: async ({ args, stdout }) => {
    await write(stdout, `${args.slice(1).join(' ')}\n`);
    return 0;
  },
  /** `warn WORD…`: to standard error. */
  warn: async ({ args, stderr }) => {
    await write(stderr, `${args.slice(1).join(' ')}\n`);
    return 0;
  },
  /** Copies its input to its output. */
  cat: async ({ stdin, stdout }) => {
    for await (const chunk of stdin) await write(stdout, chunk as Buffer);
    return 0;
  },
  /** `exit CODE` */
  exit: async ({ args }) => Number(args[1] ?? 0),
  true: async () => 0,
  false: async () => 1,
  /** Runs until a signal ends it. */
  sleep: () => never,
  /** Ignores SIGTERM. */
  stubborn: ({ onSignal }) => {
    onSignal(SIGTERM, () => {});
    return never;
  },
  /** `trap CODE`: ends with the code at SIGTERM. */
  trap: ({ args, onSignal }) =>
    new Promise((resolve) => {
      onSignal(SIGTERM, () => resolve(Number(args[1] ?? 0)));
    }),
  /** `flood BYTES`: that many bytes of a pattern, position modulo 251. */
  flood: async ({ args, stdout }) => {
    const bytes = Number(args[1] ?? 0);
    const piece = 16 * 1024;
    const pattern = Uint8Array.from({ length: piece + 251 }, (_, index) => index % 251);
    for (let offset = 0; offset < bytes && !stdout.destroyed; offset += piece) {
      const length = Math.min(piece, bytes - offset);
      await write(stdout, pattern.slice(offset % 251, (offset % 251) + length));
    }
    return 0;
  },
  /** `daemon [stubborn] [holding]`: leaves something behind, says so and ends. */
  daemon: async ({ args, fork, stdout }) => {
    fork({ ignoresTerm: args.includes('stubborn'), holdsOutput: args.includes('holding') });
    await write(stdout, 'started\n');
    return 0;
  },
  /** `parent [stubborn] [free]`: as `daemon`, but runs until a signal ends it; what it leaves holds the output unless `free`. */
  parent: async ({ args, fork, stdout }) => {
    fork({ ignoresTerm: args.includes('stubborn'), holdsOutput: !args.includes('free') });
    await write(stdout, 'started\n');
    return never;
  },
  /** Is killed by its container's memory limit. */
  'eat-memory': ({ oom }) => {
    oom();
    return never;
  },
  /** Is killed by another process of its container. */
  'be-killed': ({ kill }) => {
    kill();
    return never;
  },
  /** Prints its environment, a line each. */
  env: async ({ env, stdout }) => {
    await write(stdout, env.map((entry) => `${entry}\n`).join(''));
    return 0;
  },
};
