// Tests of VMs that grow: what was plugged counts when the guest uses it, and not before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../model/pod.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

const large = { rootfs: anyDirectory, command: ['sleep'], memoryMiB: 2048, cpus: 2 } as const;

async function assertGrows(world: PodWorld, pod: Pod): Promise<void> {
  const asked: string[] = [];
  world.faults.onCall = (_call, name) => asked.push(name);
  await pod.createContainer({ ...large, id: 'second' });
  assert.ok(asked.includes('agent.online'), asked.join(' '));
  const { cpus, memoryMiB } = await pod.status();
  assert.deepEqual([cpus, memoryMiB > 2048], [2, true]);
}

test('where the guest does not use what was plugged it does not count, and the next container has it do so', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod({ id: 'p' });
  const { cpus, memoryMiB } = await pod.status();
  world.faults.onCall = (_call, name) => {
    if (name === 'agent.online') throw new Error('the guest cannot');
  };
  await assert.rejects(pod.createContainer({ ...large, id: 'first' }), /the guest cannot/);
  assert.equal(world.hypervisor.vm.size.cpus, 2, 'it was plugged');
  const now = await pod.status();
  assert.deepEqual([now.cpus, now.memoryMiB], [cpus, memoryMiB]);
  await assertGrows(world, pod);
});

for (const moment of ['vm.grow', 'agent.online']) {
  test(`a container that is given up at ${moment} leaves nothing that counts as there`, async () => {
    const world = new PodWorld();
    await using pod = await world.runtime.createPod({ id: 'p' });
    const { cpus, memoryMiB } = await pod.status();
    const abort = new AbortController();
    world.faults.onCall = (_call, name) => {
      if (name === moment) abort.abort(new Error('enough'));
    };
    const { signal } = abort;
    await assert.rejects(pod.createContainer({ ...large, id: 'first', signal }), {
      name: 'AbortError',
    });
    const now = await pod.status();
    assert.deepEqual([now.cpus, now.memoryMiB], [cpus, memoryMiB]);
    await assertGrows(world, pod);
  });
}
