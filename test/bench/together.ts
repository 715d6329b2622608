// Many pods at the same time in one process.
import { once, setMaxListeners } from 'node:events';
import type { Pod } from '../../src/index.js';
import type { Ground } from './ground.js';

/** Longest that all of them may take, in milliseconds. */
const togetherMs = 120_000;

/** Until the last of so many pods has printed, in milliseconds; all of them are clones, and gone afterwards. */
export async function startTogether(ground: Ground, count: number): Promise<number> {
  const signal = AbortSignal.any([ground.signal, AbortSignal.timeout(togetherMs)]);
  // Each pod listens to it; more than ten would be taken for a leak.
  setMaxListeners(0, signal);
  const pods: Pod[] = [];
  const begin = performance.now();
  const start = async (): Promise<void> => {
    const pod = await ground.runtime.createPod({ signal });
    pods.push(pod);
    const command = ['sh', '-c', 'echo x; exec sleep infinity'];
    const container = await pod.createContainer({ rootfs: ground.rootfs, command, signal });
    await container.start({ signal });
    await once(container.stdout, 'data', { signal });
  };
  try {
    const starts = await Promise.allSettled(Array.from({ length: count }, start));
    const tookMs = performance.now() - begin;
    for (const one of starts) if (one.status === 'rejected') throw one.reason;
    for (const pod of pods) {
      const { origin } = await pod.status();
      if (origin !== 'clone') throw new Error(`pod ${pod.id} came by ${origin}`);
    }
    return tookMs;
  } finally {
    await Promise.all(pods.map((pod) => pod.delete({ force: true })));
  }
}
