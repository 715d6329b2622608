// From the wish for a container to its first byte: by the library, and by a whole `virtc run`.
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { PodOptions, Runtime } from '../../src/index.js';
import type { Part } from './figures.js';
import { exitOf, type Ground, virtc } from './ground.js';

/** Prints a byte and ends at SIGTERM: a first process has no default action for it. */
const untilTerm = ['sh', '-c', 'trap "exit 0" TERM; echo x; while :; do sleep 1000 & wait; done'];

export interface StartedPod {
  readonly startMs: number;
  readonly parts: readonly Part[];
  readonly stopMs: number;
}

export interface StartOptions extends Pick<PodOptions, 'template' | 'detached'> {
  /** Default: the run's own. */
  readonly runtime?: Runtime;
}

/** @throws Error where a pod that was to be a clone has booted: its figure would be another row's */
export async function startPod(ground: Ground, options: StartOptions = {}): Promise<StartedPod> {
  const { signal, rootfs } = ground;
  const { runtime = ground.runtime, ...podOptions } = options;
  const begin = performance.now();
  const pod = await runtime.createPod({ signal, ...podOptions });
  try {
    const container = await pod.createContainer({ rootfs, command: untilTerm, signal });
    await container.start({ signal });
    await once(container.stdout, 'data', { signal });
    const startMs = performance.now() - begin;
    const { origin } = await pod.status();
    if ((origin === 'boot') !== (options.template === false))
      throw new Error(`pod ${pod.id} came by ${origin}`);
    const steps = pod.timings.map(({ step, durationMs }) => ({ name: step, value: durationMs }));
    const known = steps.reduce((sum, { value }) => sum + value, 0);
    const parts: readonly Part[] = [
      ...steps,
      { name: 'between and first byte', value: startMs - known },
    ];
    container.stdout.resume();
    const beginStop = performance.now();
    await pod.stop({ signal });
    await pod.delete({ signal });
    return { startMs, parts, stopMs: performance.now() - beginStop };
  } finally {
    await pod.delete({ force: true });
  }
}

/** From the start of its process, in milliseconds. */
export async function runVirtc(ground: Ground, flags: readonly string[] = []): Promise<number> {
  const begin = performance.now();
  const args = [virtc, 'run', ...flags, '--rootfs', ground.rootfs, '--', 'echo', 'x'];
  const child = ground.start(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = exitOf(child, ground.signal);
  const errors = child.stderr === null ? '' : text(child.stderr);
  let firstMs: number | undefined;
  child.stdout?.on('data', () => {
    firstMs ??= performance.now() - begin;
  });
  const code = await ended;
  const said = await errors;
  if (code !== 0 || firstMs === undefined || said.includes('warning'))
    throw new Error(`virtc run: exit ${code}: ${said}`);
  return firstMs;
}
