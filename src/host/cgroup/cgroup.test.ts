// Tests of a pod's cgroups on this host's own hierarchies.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { newId } from '../../model/id.js';
import {
  addProcess,
  createPodCgroup,
  findCgroups,
  killAll,
  removeCgroup,
  setMemoryBound,
} from './cgroup.js';
import { createUnifiedCgroup } from './create-cgroup.js';
import { hostHierarchies } from './hierarchies.js';

const bounds = { memoryMaxBytes: 256 * 1024 * 1024, pidsMax: 20 };
const read = (file: string): string => readFileSync(file, 'utf8').trim();
const found = hostHierarchies();

async function withPod(
  use: (podId: string, cgroups: readonly string[]) => Promise<void>,
  create = (podId: string): readonly string[] => createPodCgroup({ podId, ...bounds }),
): Promise<void> {
  const podId = `test-${newId()}`;
  const cgroups = create(podId);
  try {
    await use(podId, cgroups);
  } finally {
    await killAll(cgroups);
    await removeCgroup(cgroups);
  }
  for (const directory of cgroups) assert.equal(existsSync(directory), false);
}

const value = (cgroups: readonly string[], names: readonly string[]): string | undefined =>
  cgroups
    .flatMap((directory) => names.map((name) => path.join(directory, name)))
    .filter((file) => existsSync(file))
    .map(read)[0];
const memoryBound = (cgroups: readonly string[]): string | undefined =>
  value(cgroups, ['memory.max', 'memory.limit_in_bytes']);

function forker(): ChildProcess {
  return spawn('sh', ['-c', 'while :; do sleep 0.01 & sleep 0.02; done'], { stdio: 'ignore' });
}

test('a pod gets cgroups below this process’ own, with its bounds', async () => {
  await withPod(async (podId, cgroups) => {
    assert.ok(cgroups.length > 0);
    for (const directory of cgroups) {
      assert.ok(directory.endsWith(`/virtcontainers/${podId}`));
      const hierarchy = found.find(({ mountPoint }) => directory.startsWith(`${mountPoint}/`));
      assert.ok(hierarchy !== undefined);
      if (hierarchy.version === 1) assert.ok(directory.startsWith(hierarchy.own));
    }
    assert.equal(memoryBound(cgroups), String(bounds.memoryMaxBytes));
    assert.equal(value(cgroups, ['pids.max']), String(bounds.pidsMax));
    const swap = value(cgroups, ['memory.swap.max']);
    assert.ok(swap === undefined || swap === String(bounds.memoryMaxBytes), swap);
  });
});

test('its bound on memory can be raised while it runs', async () => {
  await withPod(async (_podId, cgroups) => {
    const more = 2 * bounds.memoryMaxBytes;
    setMemoryBound(cgroups, more);
    assert.equal(memoryBound(cgroups), String(more));
  });
});

test('they are found by the pod’s id alone', async () => {
  await withPod(async (podId, cgroups) => {
    assert.deepEqual([...findCgroups(podId)].sort(), [...cgroups].sort());
    assert.deepEqual(findCgroups('no-such-pod'), []);
  });
});

test('making them twice gives the same, removing them twice is no error', async () => {
  await withPod(async (podId, cgroups) => {
    assert.deepEqual(createPodCgroup({ podId, ...bounds }), cgroups);
    await removeCgroup(cgroups);
    await removeCgroup(cgroups);
    await killAll(cgroups);
  });
});

test('whatever a process forks is killed with it', async () => {
  await withPod(async (_podId, cgroups) => {
    const child = forker();
    addProcess(cgroups, child.pid ?? -1);
    for (const directory of cgroups) {
      assert.ok(read(path.join(directory, 'cgroup.procs')).split('\n').includes(String(child.pid)));
    }
    const ended = once(child, 'exit');
    await killAll(cgroups);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    for (const directory of cgroups) assert.equal(read(path.join(directory, 'cgroup.procs')), '');
  });
});

test('a cgroup that stays busy is named with its processes', async () => {
  await withPod(async (_podId, cgroups) => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    addProcess(cgroups, child.pid ?? -1);
    await assert.rejects(removeCgroup(cgroups, 20), {
      code: 'internal',
      message: `cannot remove cgroup ${cgroups[0]}: it is busy with processes ${child.pid}`,
    });
  });
});

test('a process that has ended cannot be added', async () => {
  await withPod(async (_podId, cgroups) => {
    assert.throws(() => addProcess(cgroups, 2 ** 22 - 1), { code: 'unavailable' });
  });
});

test('only what this project has made is removed', async () => {
  for (const directory of ['/sys/fs/cgroup', '/', '/virtcontainers', '/tmp/x']) {
    await assert.rejects(removeCgroup([directory]), { code: 'internal' });
  }
});

test('a hierarchy of version 2 without bounds still keeps processes together', async (context) => {
  const unified = found.find(({ version }) => version === 2);
  if (unified === undefined) return context.diagnostic('this host has no version 2');
  const create = (podId: string): string[] => [createUnifiedCgroup(unified, { podId, ...bounds })];
  await withPod(async (podId, cgroups) => {
    const child = forker();
    addProcess(cgroups, child.pid ?? -1);
    const ended = once(child, 'exit');
    assert.deepEqual(findCgroups(podId), cgroups);
    await killAll(cgroups);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
  }, create);
});
