// Runs a Python program that nobody has read, given through standard input, for ten seconds at most and without leaving anything.
// Usage: node run-python.js DIR < examples/primes.py
import { createPod, isVirtcontainersError, type ProcessOutput } from 'virtcontainers';
import { rootFileSystem } from './root-file-system.js';

const rootfs = rootFileSystem();
const show = ({ stdout, stderr }: ProcessOutput): void => {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
};

await using pod = await createPod();
try {
  const result = await pod.run({
    rootfs,
    command: ['python3', '-'],
    user: 'nobody',
    input: process.stdin,
    memoryMiB: 256,
    pidsLimit: 64,
    timeoutMs: Number(process.env['TIMEOUT_MS'] ?? 10_000),
    // A first process that does not listen for SIGTERM is not ended by it.
    killGraceMs: '1s',
  });
  show(result);
  process.exitCode = result.code;
} catch (error) {
  if (!isVirtcontainersError(error) || error.code !== 'timeout') throw error;
  // What it has printed until then is not lost.
  show(error.details['result'] as ProcessOutput);
  console.error('the program took too long and was ended');
  process.exitCode = 124;
}
