// Tests of a pod's whole life over fakes: every verb in every state, ends of processes, restarts, progress.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { ContainerOptions } from '../model/options.js';
import type { Container, Pod } from '../model/pod.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

const options = (
  command: readonly string[],
  more: Partial<ContainerOptions> = {},
): ContainerOptions => ({ rootfs: anyDirectory, command, ...more });

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

type Situation = 'ready' | 'running' | 'stopped' | 'ended' | 'pod-stopped' | 'deleted';
type Verb = (container: Container) => Promise<unknown>;

async function inSituation(world: PodWorld, situation: Situation): Promise<Container> {
  const pod = await world.runtime.createPod();
  const command = situation === 'ended' ? ['true'] : ['trap', '0'];
  const container = await pod.createContainer(options(command));
  if (situation !== 'ready') await container.start();
  if (situation === 'ended') await container.wait();
  if (situation === 'stopped') await container.stop();
  if (situation === 'pod-stopped') await pod.stop();
  if (situation === 'deleted') await container.delete({ force: true });
  return container;
}

const verbs: Readonly<Record<string, Verb>> = {
  start: (container) => container.start(),
  exec: (container) => container.exec(['true']),
  kill: (container) => container.kill('SIGTERM'),
  stop: (container) => container.stop(),
  delete: (container) => container.delete(),
  'delete by force': (container) => container.delete({ force: true }),
  status: (container) => container.status(),
};

// What each verb ends with: the state afterwards, or the code of its error.
const table: Readonly<Record<Situation, Readonly<Record<string, string>>>> = {
  ready: {
    start: 'running',
    exec: 'invalid-state',
    kill: 'stopped',
    stop: 'stopped',
    delete: 'gone',
    'delete by force': 'gone',
    status: 'ready',
  },
  running: {
    start: 'invalid-state',
    exec: 'running',
    kill: 'stopped',
    stop: 'stopped',
    delete: 'invalid-state',
    'delete by force': 'gone',
    status: 'running',
  },
  stopped: {
    start: 'running',
    exec: 'invalid-state',
    kill: 'stopped',
    stop: 'stopped',
    delete: 'gone',
    'delete by force': 'gone',
    status: 'stopped',
  },
  ended: {
    start: 'running',
    exec: 'invalid-state',
    kill: 'stopped',
    stop: 'stopped',
    delete: 'gone',
    'delete by force': 'gone',
    status: 'stopped',
  },
  'pod-stopped': {
    start: 'running',
    exec: 'invalid-state',
    kill: 'stopped',
    stop: 'stopped',
    delete: 'gone',
    'delete by force': 'gone',
    status: 'stopped',
  },
  deleted: {
    start: 'not-found',
    exec: 'not-found',
    kill: 'not-found',
    stop: 'gone',
    delete: 'gone',
    'delete by force': 'gone',
    status: 'not-found',
  },
};

for (const [situation, outcomes] of Object.entries(table) as [
  Situation,
  Record<string, string>,
][]) {
  for (const [verb, outcome] of Object.entries(outcomes)) {
    test(`${verb} of a container that is ${situation}: ${outcome}`, async () => {
      const world = new PodWorld();
      const container = await inSituation(world, situation);
      const { pod } = container;
      let actual: string;
      try {
        await verbs[verb]?.(container);
        if (verb === 'kill') await container.wait();
        actual = pod.containers.includes(container) ? (await container.status()).state : 'gone';
        // A program that ends at once may have ended already.
        if (situation === 'ended' && verb === 'start') actual = 'running';
      } catch (error) {
        actual = (error as { code: string }).code;
      }
      assert.equal(actual, outcome);
      await pod.delete({ force: true });
      world.assertNothingLeft();
    });
  }
}

const podVerbs: Readonly<Record<string, (pod: Pod) => Promise<unknown>>> = {
  start: (pod) => pod.start(),
  createContainer: (pod) => pod.createContainer(options(['true'])),
  stop: (pod) => pod.stop(),
  delete: (pod) => pod.delete(),
  status: (pod) => pod.status(),
};

const podTable: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ready: {
    start: 'running',
    createContainer: 'ready',
    stop: 'stopped',
    delete: 'gone',
    status: 'ready',
  },
  running: {
    start: 'running',
    createContainer: 'running',
    stop: 'stopped',
    delete: 'invalid-state',
    status: 'running',
  },
  stopped: {
    start: 'running',
    createContainer: 'invalid-state',
    stop: 'stopped',
    delete: 'gone',
    status: 'stopped',
  },
  deleted: {
    start: 'not-found',
    createContainer: 'not-found',
    stop: 'gone',
    delete: 'gone',
    status: 'not-found',
  },
};

for (const [situation, outcomes] of Object.entries(podTable)) {
  for (const [verb, outcome] of Object.entries(outcomes)) {
    test(`${verb} of a pod that is ${situation}: ${outcome}`, async () => {
      const world = new PodWorld();
      const pod = await world.runtime.createPod();
      if (situation === 'running') await pod.start();
      if (situation === 'stopped') await pod.stop();
      if (situation === 'deleted') await pod.delete();
      let actual: string;
      try {
        await podVerbs[verb]?.(pod);
        actual = world.disk.pods.size === 0 ? 'gone' : (await pod.status()).state;
      } catch (error) {
        actual = (error as { code: string }).code;
      }
      assert.equal(actual, outcome);
      await pod.delete({ force: true });
      world.assertNothingLeft();
    });
  }
}

test('exit codes, signals and the memory limit are told apart', async () => {
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
    // It may be asked again, and a signal to what has ended is no error.
    assert.deepEqual(await container.wait(), expected);
    await container.kill();
  }
});

test('a command that is missing or not executable says so, and the pod goes on', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod();
  const container = await pod.createContainer(options(['sleep']));
  await container.start();
  for (const [command, reason] of [
    ['/missing', 'command-not-found'],
    ['it: is "missing"', 'command-not-found'],
    ['/not-executable', 'command-not-executable'],
  ] as const) {
    const refused = (error: { message: string; details: Record<string, unknown> }) =>
      error.details['reason'] === reason &&
      error.message.endsWith(`: command ${JSON.stringify(command)}: ${reason}`);
    await assert.rejects(pod.createContainer(options([command])), refused);
    await assert.rejects(container.exec([command]), refused);
  }
  assert.equal(pod.containers.length, 1);
  assert.equal((await container.status()).state, 'running');
});

test('stop asks with the stop signal first and kills only after the grace', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod();
  const polite = await pod.createContainer(options(['trap', '5']));
  const stubborn = await pod.createContainer(options(['stubborn']));
  await pod.start();
  await polite.stop();
  assert.deepEqual(await polite.wait(), { code: 5, signal: null, reason: 'exited' });
  await stubborn.stop({ graceMs: '50ms' });
  assert.equal((await stubborn.wait()).signal, 'SIGKILL');
  assert.equal(world.hypervisor.vm.crun.containers.size, 0);
  assert.equal(world.share.bound.size, 0);
});

test('a stopped container starts again with new streams and a fresh root', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod();
  const container = await pod.createContainer(options(['echo', 'again']));
  const outputs: string[] = [];
  for (let run = 0; run < 3; run++) {
    await container.start();
    const { stdout } = container;
    outputs.push(await text(stdout));
    assert.equal((await container.wait()).code, 0);
    if (run === 1) await container.stop();
  }
  assert.deepEqual(outputs, ['again\n', 'again\n', 'again\n']);
  assert.equal(world.share.bound.size, 1);
});

test('a stopped pod boots anew and its containers run again', async () => {
  const world = new PodWorld();
  const pod = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  const first = await pod.createContainer(options(['trap', '0'], { id: 'a' }));
  await pod.createContainer(options(['trap', '0'], { id: 'b' }));
  await pod.start();
  await pod.stop();
  assert.equal(world.hypervisor.living, 0);
  await pod.start();
  assert.equal(world.hypervisor.vms.length, 2);
  const [before, after] = world.hypervisor.vms.map((vm) => vm.system.identities[0]);
  assert.equal(after?.hostname, 'box');
  assert.equal(after?.machineId, before?.machineId);
  assert.notDeepEqual(after?.entropy, before?.entropy);
  const states = (await pod.status()).containers.map((container) => container.state);
  assert.deepEqual(states, ['running', 'running']);
  // One container's start boots as well.
  await pod.stop();
  await first.start();
  assert.equal((await pod.status()).state, 'running');
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a VM is as large as its containers need, in steps that the guest can take', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod();
  assert.deepEqual(world.hypervisor.vm.size, { cpus: 1, memoryMiB: 512 });
  await pod.createContainer(options(['true'], { memoryMiB: 400, cpus: 0.6 }));
  await pod.createContainer(options(['true'], { memoryMiB: '300MiB', cpus: 0.6 }));
  const { cpus, memoryMiB } = await pod.status();
  assert.deepEqual({ cpus, memoryMiB }, { cpus: 2, memoryMiB: 896 });
  assert.deepEqual(world.hypervisor.vm.system.size, { cpus: 2, memoryBytes: 896n * 1024n * 1024n });
  await assert.rejects(pod.createContainer(options(['true'], { memoryMiB: 65_000 })), {
    code: 'invalid-argument',
    message: /its pod's VM would need 6[0-9]* MiB, it can have at most 65536 MiB/,
  });
});

test('containers that start again at the same time find room for both', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod();
  const make = () => pod.createContainer(options(['sleep'], { memoryMiB: 400, cpus: 1 }));
  const containers = [await make(), await make()];
  await pod.stop();
  await Promise.all(containers.map((container) => container.start()));
  assert.deepEqual(world.hypervisor.vm.size, { cpus: 2, memoryMiB: 1024 });
});

test('a name is taken once in all pods, and free again after', async () => {
  const world = new PodWorld();
  const [a, b] = await Promise.all([world.runtime.createPod(), world.runtime.createPod()]);
  const container = await a.createContainer(options(['true'], { id: 'web' }));
  await assert.rejects(a.createContainer(options(['true'], { id: 'web' })), {
    code: 'already-exists',
  });
  await assert.rejects(b.createContainer(options(['true'], { id: 'web' })), {
    code: 'already-exists',
  });
  await container.delete();
  await b.createContainer(options(['true'], { id: 'web' }));
  assert.throws(() => a.container('web'), { code: 'not-found' });
  assert.equal(b.container('web').id, 'web');
});

test('each step is told when it begins and ends, and timed; a faulty listener harms nobody', async () => {
  const world = new PodWorld();
  const told: string[] = [];
  const pod = await world.runtime.createPod({
    id: 'p',
    onProgress: ({ step, phase }) => {
      told.push(`${step} ${phase}`);
      throw new Error('a listener that fails');
    },
  });
  const container = await pod.createContainer(options(['true'], { id: 'c' }));
  await container.start();
  await container.wait();
  await pod.delete({ force: true });
  const steps = ['store', 'share', 'vm-spawn', 'vm-boot', 'personalize'];
  assert.deepEqual(
    told.slice(0, 10),
    steps.flatMap((step) => [`${step} begin`, `${step} end`]),
  );
  assert.deepEqual(
    pod.timings.map(({ step }) => step),
    [...steps, 'container-create', 'container-start', 'vm-stop', 'release'],
  );
  assert.ok(pod.timings.every(({ durationMs }) => durationMs >= 0));
  assert.equal(pod.timings.find(({ step }) => step === 'container-start')?.containerId, 'c');
  assert.ok(world.events.every(({ podId }) => podId === 'p'));
});

test('a record is saved once per operation beyond its handles', async () => {
  const world = new PodWorld();
  const count = async (work: () => Promise<unknown>): Promise<number> => {
    const before = world.disk.saves;
    await work();
    return world.disk.saves - before;
  };
  let pod: Pod | undefined;
  let container: Container | undefined;
  const saves = {
    // The first record, one per handle (share, VM), and the whole.
    createPod: await count(async () => (pod = await world.runtime.createPod())),
    createContainer: await count(
      async () => (container = await pod?.createContainer(options(['sleep']))),
    ),
    start: await count(async () => container?.start()),
    exec: await count(async () => (await container?.exec(['true']))?.wait()),
    stop: await count(async () => pod?.stop({ graceMs: 1 })),
  };
  // The end of a container is noted when it comes, the pod's stop when it is done.
  assert.deepEqual(saves, { createPod: 4, createContainer: 1, start: 1, exec: 0, stop: 2 });
});
