// The entry of the shim: a program that owns one pod and does nothing else.
import { createShimRuntime } from '../../create-runtime.js';
import { openSockets } from '../../owner/open-sockets.js';
import { preferLittleMemory } from './little-memory.js';
import { runShim } from './run-shim.js';

/** How long a reader of what was said last may take, in milliseconds. */
const lastWordMs = 1000;

preferLittleMemory();

// Whoever has started it may be gone; a terminal's end and its interrupts are not for a process that outlives it.
for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on('error', () => {});
for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => {});

const code = await runShim({
  input: process.stdin,
  output: process.stdout,
  process,
  createRuntime: createShimRuntime,
  serve: (pod, place) => openSockets(pod, place),
});
setTimeout(() => process.exit(code), lastWordMs);
process.stdout.write('', () => process.exit(code));
