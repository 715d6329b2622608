// Runs one program of the build to its end: arguments as a list, no shell, its last words in the error.
import { spawn } from 'node:child_process';
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
}

/** Standard output and error are kept up to this many bytes: enough for a list of packages, and for a compiler's complaint. */
const keptBytes = 4 * 1024 * 1024;
const shownBytes = 4 * 1024;

/**
 * Runs a program and gives its standard output.
 * @throws VirtcontainersError `not-found` if there is no such program, `internal` with the end of what it said if it fails
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunProgramOptions,
): Promise<string> {
  const { what, cwd, env, stdin, stdout, signal } = options;
  throwIfAborted(signal, what);
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    // Messages are shown and searched: they must not depend on the user's language.
    env: { ...process.env, LC_ALL: 'C.UTF-8', LANGUAGE: '', ...env },
    stdio: [stdin ?? 'ignore', stdout ?? 'pipe', 'pipe'],
  });
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const stop = (): void => void child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const end = await new Promise<string>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, killedBy) => resolve(killedBy ?? String(code)));
    });
    if (signal?.aborted) throw abortError(signal, what);
    if (end === '0') return out();
    const said = (err().trim() || out().trim()).slice(-shownBytes);
    throw new VirtcontainersError(
      'internal',
      `${what}: ${program} ended with ${end}: ${said.split('\n').slice(-5).join('; ')}`,
      { details: { program, args, end, output: said } },
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new VirtcontainersError('not-found', `${what}: there is no program ${program}`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** Gathers the last of a stream; the whole is read so that the program never blocks on it. */
function collect(stream: NodeJS.ReadableStream | null): () => string {
  let kept = Buffer.alloc(0);
  stream?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    if (kept.length > keptBytes) kept = kept.subarray(-keptBytes);
  });
  return () => kept.toString();
}
