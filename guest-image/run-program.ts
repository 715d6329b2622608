// Runs one program of the build to its end: arguments as a list, its last words in the error, and nothing of it left.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { abortError, throwIfAborted, VirtcontainersError } from '../src/base/errors.js';

export interface RunProgramOptions {
  /** The beginning of the error's message: `cannot <verb> <noun>`. */
  readonly what: string;
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Open descriptors to read from and write to, instead of nothing and the result. */
  readonly stdin?: number;
  readonly stdout?: number;
  readonly signal?: AbortSignal | undefined;
  /** How long it may take, in milliseconds. Default 30 minutes: a compiler on a slow machine, a package over a slow line. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 30 * 60 * 1000;
/** Standard output and error are kept up to this many bytes: enough for a list of packages, and for a compiler's complaint. */
const keptBytes = 4 * 1024 * 1024;
const shownBytes = 4 * 1024;

// Becomes the program, with a guard in its process group: where descriptor 3 ends without a line, because this process
// has given up or has died, the whole group gets SIGTERM, and SIGKILL when the program has ended or three seconds later.
const guarded = `
  (
    trap '' TERM
    read -r line && exit
    kill -TERM 0
    left=30
    while [ $left -gt 0 ] && kill -0 $$; do sleep 0.1; left=$((left - 1)); done
    kill -KILL 0
  ) <&3 >/dev/null 2>&1 &
  exec "$@" 3<&-
`;

/**
 * Runs a program and gives its standard output. However this ends, what the program has started ends with it.
 * @throws VirtcontainersError `not-found` if there is no such program, `timeout`, `internal` with the end of what it said if it fails
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunProgramOptions,
): Promise<string> {
  const { what, cwd = process.cwd(), stdin, stdout, signal } = options;
  throwIfAborted(signal, what);
  // Messages are shown and searched: they must not depend on the user's language.
  const env = { ...process.env, LC_ALL: 'C.UTF-8', LANGUAGE: '', ...options.env };
  if (!isThere(program, cwd, env)) {
    throw new VirtcontainersError('not-found', `${what}: there is no program ${program}`);
  }
  const child = spawn('/bin/sh', ['-c', guarded, 'sh', program, ...args], {
    // The leader of a process group.
    detached: true,
    cwd,
    env,
    stdio: [stdin ?? 'ignore', stdout ?? 'pipe', 'pipe', 'pipe'],
  });
  const guard = child.stdio[3] as Writable;
  guard.on('error', () => {});
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const late = setTimeout(() => guard.destroy(), timeoutMs);
  const stop = (): void => void guard.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const [[code, killedBy]] = await Promise.all([once(child, 'exit'), out.ended, err.ended]);
    if (signal?.aborted) throw abortError(signal, what);
    if (guard.destroyed) {
      throw new VirtcontainersError(
        'timeout',
        `${what}: ${program} did not end within ${timeoutMs} ms`,
      );
    }
    guard.end('\n');
    const end = String(killedBy ?? code);
    if (end === '0') return out.text();
    const said = (err.text().trim() || out.text().trim()).slice(-shownBytes);
    throw new VirtcontainersError(
      'internal',
      `${what}: ${program} ended with ${end}: ${said.split('\n').slice(-5).join('; ')}`,
      { details: { program, args, end, output: said } },
    );
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', stop);
    if (!guard.writableEnded) guard.destroy();
  }
}

function isThere(program: string, cwd: string, env: NodeJS.ProcessEnv): boolean {
  if (program.includes('/')) return existsSync(path.resolve(cwd, program));
  const directories = (env['PATH'] ?? '').split(':');
  return directories.some((directory) => existsSync(path.resolve(cwd, directory, program)));
}

interface Collected {
  readonly ended: Promise<unknown>;
  readonly text: () => string;
}

/** Gathers the last of a stream; the whole is read so that the program never blocks on it. */
function collect(stream: NodeJS.ReadableStream | null): Collected {
  let kept = Buffer.alloc(0);
  stream?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    if (kept.length > keptBytes) kept = kept.subarray(-keptBytes);
  });
  return {
    ended: stream === null ? Promise.resolve() : once(stream, 'close'),
    text: () => kept.toString(),
  };
}
