// What every pod must do, whoever owns it, to be run on a pod of this process and on one that is used over its sockets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerOptions } from '../model/options.js';
import type { Pod } from '../model/pod.js';
import { anyDirectory, type PodWorld } from '../testing/pod-world.js';

export interface PodUnderTest {
  readonly world: PodWorld;
  /** The pod that is tested, of id `p`. */
  readonly pod: Pod;
  dispose(): Promise<void>;
}

export const options = (
  command: readonly string[],
  more: Partial<ContainerOptions> = {},
): ContainerOptions => ({ rootfs: anyDirectory, command, ...more });

/** @param make a pod of a fresh world */
export function podSuite(name: string, make: () => Promise<PodUnderTest>): void {
  const check = (title: string, work: (of: PodUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const of = await make();
      try {
        await work(of);
      } finally {
        await of.dispose();
      }
    });
  };

  check('a container is created, runs to its end, and is deleted with the pod', async (of) => {
    const { pod, world } = of;
    assert.equal(pod.id, 'p');
    assert.equal((await pod.status()).state, 'ready');
    const container = await pod.createContainer(options(['exit', '3'], { id: 'c' }));
    assert.equal(pod.container('c'), container);
    assert.deepEqual(container.command, ['exit', '3']);
    assert.equal((await container.status()).state, 'ready');
    const waiting = container.wait();
    await container.start();
    assert.deepEqual(await waiting, { code: 3, signal: null, reason: 'exited' });
    assert.equal((await container.status()).state, 'stopped');
    assert.equal((await pod.status()).containers[0]?.exit?.code, 3);
    await container.delete();
    await container.delete();
    assert.deepEqual(pod.containers, []);
    await pod.stop();
    assert.equal((await pod.status()).state, 'stopped');
    await pod.delete();
    await pod.delete();
    await assert.rejects(pod.status(), { code: 'not-found' });
    world.assertNothingLeft();
  });
}
