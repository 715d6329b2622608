// Tests of a pod's whole life over fakes: states, verbs, streams of events, restarts.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { ContainerOptions } from '../model/options.js';
import type { Container, Pod } from '../model/pod.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

const options = (
  command: readonly string[],
  more: Partial<ContainerOptions> = {},
): ContainerOptions => ({
  rootfs: anyDirectory,
  command,
  ...more,
});

test('a pod runs a container to its end and leaves nothing', async () => {
  const world = new PodWorld();
  const pod = await world.runtime.createPod({ id: 'p1' });
  assert.equal((await pod.status()).state, 'ready');
  const container = await pod.createContainer(options(['echo', 'hello', 'world'], { id: 'c1' }));
  assert.equal((await container.status()).state, 'ready');
  await container.start();
  assert.equal((await pod.status()).state, 'running');
  assert.equal(await text(container.stdout), 'hello world\n');
  assert.equal(await text(container.stderr), '');
  assert.deepEqual(await container.wait(), { code: 0, signal: null, reason: 'exited' });
  const status = await container.status();
  assert.equal(status.state, 'stopped');
  assert.deepEqual(status.exit, { code: 0, signal: null, reason: 'exited' });
  await pod.stop();
  assert.equal((await pod.status()).state, 'stopped');
  assert.deepEqual(world.left, { vms: 0, shares: 0, binds: 0, records: 1, names: 1 });
  await pod.delete();
  world.assertNothingLeft();
  await assert.rejects(pod.status(), { code: 'not-found' });
});
test('a failed exit, a signal and the memory limit are told apart', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod();
  const cases: readonly [readonly string[], object][] = [
    [['exit', '3'], { code: 3, signal: null, reason: 'exited' }],
    [['sleep'], { code: 137, signal: 'SIGKILL', reason: 'signaled' }],
    [['eat-memory'], { code: 137, signal: 'SIGKILL', reason: 'oom' }],
  ];
  for (const [command, expected] of cases) {
    const container = await pod.createContainer(options(command));
    await container.start();
    if (command[0] === 'sleep') await container.kill('KILL');
    assert.deepEqual(await container.wait(), expected);
    await container.kill();
  }
});
test('the example runs', async () => {
  const world = new PodWorld();
  const pod = await world.runtime.createPod();
  const container = await pod.createContainer(options(['cat'], { stdin: true }));
  await container.start();
  container.stdin.end('some input');
  assert.equal(await text(container.stdout), 'some input');
  assert.equal((await container.wait()).code, 0);
  await pod[Symbol.asyncDispose]();
  await pod[Symbol.asyncDispose]();
  world.assertNothingLeft();
});
void ({} as Container | Pod);
