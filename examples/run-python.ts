// Runs a Python program that nobody has read, given through standard input, for ten seconds at most and without leaving anything.
// Usage: node run-python.js DIR < examples/primes.py
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createPod } from 'virtcontainers';
import { rootFileSystem } from './root-file-system.js';

/** What a program printed and how it ended. */
interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runPython(rootfs: string, program: string, timeoutMs: number): Promise<Result> {
  await using pod = await createPod();
  const container = await pod.createContainer({
    rootfs,
    command: ['python3', '-'],
    user: 'nobody',
    stdin: true,
    memoryMiB: 256,
    pidsLimit: 64,
  });
  await container.start();
  // Read while it runs: a program whose output nobody takes is stopped by a full buffer.
  const output = Promise.all([text(container.stdout), text(container.stderr)]);
  output.catch(() => {});
  // A program that ends without reading all of its input is no failure of ours.
  pipeline([program], container.stdin).catch(() => {});
  const { code } = await container.wait({ signal: AbortSignal.timeout(timeoutMs) });
  const [stdout, stderr] = await output;
  return { code, stdout, stderr };
}

const rootfs = rootFileSystem();
const program = await text(process.stdin);
try {
  const result = await runPython(rootfs, program, Number(process.env['TIMEOUT_MS'] ?? 10_000));
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.code;
} catch (error) {
  if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
  console.error('the program took too long and was ended');
  process.exitCode = 124;
}
