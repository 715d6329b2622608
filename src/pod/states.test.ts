// Tests of pausing, resuming and watching over fakes: every verb in every state, every step going wrong, ends while paused.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { PodEvent } from '../model/events.js';
import type { ContainerOptions } from '../model/options.js';
import type { Container, Pod } from '../model/pod.js';
import type { FakeCrunOptions } from '../testing/fake-crun.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

const options = (
  command: readonly string[],
  more: Partial<ContainerOptions> = {},
): ContainerOptions => ({ rootfs: anyDirectory, command, ...more });

async function running(command: readonly string[] = ['trap', '7'], crun: FakeCrunOptions = {}) {
  const world = new PodWorld({ crun });
  const pod = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  const container = await pod.createContainer(options(command, { id: 'c', stdin: true }));
  await container.start();
  return { world, pod, container };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = pause(ms, undefined, { ref: false }).then(() => assert.fail(`not within ${ms} ms`));
  return Promise.race([promise, late]);
}

type Situation = 'ready' | 'running' | 'paused' | 'stopped' | 'pod-paused' | 'deleted';

async function inSituation(world: PodWorld, situation: Situation): Promise<Container> {
  const pod = await world.runtime.createPod();
  const container = await pod.createContainer(options(['trap', '7']));
  if (situation !== 'ready') await container.start();
  if (situation === 'paused') await container.pause();
  if (situation === 'stopped') await container.stop();
  if (situation === 'pod-paused') await pod.pause();
  if (situation === 'deleted') await container.delete({ force: true });
  return container;
}

const verbs: Readonly<Record<string, (container: Container) => Promise<unknown>>> = {
  pause: (container) => container.pause(),
  resume: (container) => container.resume(),
  processes: (container) => container.processes(),
  stats: (container) => container.stats(),
  start: (container) => container.start(),
  exec: (container) => container.exec(['true']),
  'kill with SIGTERM': (container) => container.kill('SIGTERM'),
  'kill with SIGKILL': async (container) => {
    await container.kill('SIGKILL');
    await container.wait();
  },
  resize: (container) => container.resize({ columns: 1, rows: 1 }),
  stop: (container) => container.stop(),
  delete: (container) => container.delete(),
  'delete by force': (container) => container.delete({ force: true }),
  status: (container) => container.status(),
};

const refused = 'invalid-state';
const inDeleted = 'not-found';
// What each verb ends with: the state afterwards, or the code of its error.
const table: Readonly<Record<string, Partial<Record<Situation, string>>>> = {
  pause: {
    ready: refused,
    running: 'paused',
    paused: refused,
    stopped: refused,
    'pod-paused': refused,
    deleted: inDeleted,
  },
  resume: {
    ready: refused,
    running: refused,
    paused: 'running',
    stopped: refused,
    'pod-paused': refused,
    deleted: inDeleted,
  },
  processes: {
    ready: refused,
    running: 'running',
    paused: 'paused',
    stopped: refused,
    'pod-paused': refused,
    deleted: inDeleted,
  },
  stats: {
    ready: refused,
    running: 'running',
    paused: 'paused',
    stopped: refused,
    'pod-paused': refused,
    deleted: inDeleted,
  },
  start: { paused: refused, 'pod-paused': refused },
  exec: { paused: refused, 'pod-paused': refused },
  'kill with SIGTERM': { paused: 'paused', 'pod-paused': refused },
  'kill with SIGKILL': { paused: 'stopped', 'pod-paused': refused },
  resize: { paused: refused, 'pod-paused': refused },
  stop: { paused: 'stopped', 'pod-paused': refused },
  delete: { paused: refused, 'pod-paused': refused },
  'delete by force': { paused: 'gone', 'pod-paused': refused },
  status: { paused: 'paused', 'pod-paused': 'running' },
};

for (const [verb, outcomes] of Object.entries(table)) {
  for (const [situation, outcome] of Object.entries(outcomes) as [Situation, string][]) {
    test(`${verb} of a container that is ${situation}: ${outcome}`, async () => {
      const world = new PodWorld();
      const container = await inSituation(world, situation);
      const { pod } = container;
      let actual: string;
      const begun = performance.now();
      try {
        await verbs[verb]?.(container);
        actual = pod.containers.includes(container) ? (await container.status()).state : 'gone';
      } catch (error) {
        actual = (error as { code: string }).code;
        // Nothing waits for a guest that stands still.
        if (situation === 'pod-paused') assert.ok(performance.now() - begun < 1_000);
      }
      assert.equal(actual, outcome);
      await pod.delete({ force: true });
      world.assertNothingLeft();
    });
  }
}

const podVerbs: Readonly<Record<string, (pod: Pod) => Promise<unknown>>> = {
  pause: (pod) => pod.pause(),
  resume: (pod) => pod.resume(),
  stats: (pod) => pod.stats(),
  start: (pod) => pod.start(),
  createContainer: (pod) => pod.createContainer(options(['true'])),
  stop: (pod) => pod.stop(),
  delete: (pod) => pod.delete(),
  'delete by force': (pod) => pod.delete({ force: true }),
  status: (pod) => pod.status(),
};

const podTable: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ready: { pause: refused, resume: refused, stats: 'ready' },
  running: { pause: 'paused', resume: refused, stats: 'running' },
  paused: {
    pause: refused,
    resume: 'running',
    stats: refused,
    start: refused,
    createContainer: refused,
    stop: 'stopped',
    delete: refused,
    'delete by force': 'gone',
    status: 'paused',
  },
  stopped: { pause: refused, resume: refused, stats: refused },
  deleted: { pause: inDeleted, resume: inDeleted, stats: inDeleted },
};

for (const [situation, outcomes] of Object.entries(podTable)) {
  for (const [verb, outcome] of Object.entries(outcomes)) {
    test(`${verb} of a pod that is ${situation}: ${outcome}`, async () => {
      const world = new PodWorld();
      const pod = await world.runtime.createPod();
      if (situation === 'running' || situation === 'paused') await pod.start();
      if (situation === 'paused') await pod.pause();
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

test('what is refused says in which state the container or the pod is, and what to do', async () => {
  const { pod, container } = await running();
  await container.pause();
  await assert.rejects(container.exec(['true']), {
    message: 'cannot exec in container c: the container is paused, it must be running',
    details: { state: 'paused', allowed: ['running'] },
  });
  await container.resume();
  await pod.pause();
  await assert.rejects(container.exec(['true']), {
    code: 'invalid-state',
    message: 'cannot exec in container c: the pod is paused',
    hint: 'resume the pod first',
  });
  await assert.rejects(container.kill(), {
    message: 'cannot signal container c: the pod is paused',
  });
  await assert.rejects(pod.start(), { message: 'cannot start pod p: the pod is paused' });
  await pod.delete({ force: true });
});

test('the record says what is paused, for whoever reads it', async () => {
  const { world, pod, container } = await running();
  const other = new PodWorld({ other: world });
  await container.pause();
  assert.deepEqual(
    (await other.runtime.podStatus('p')).containers.map(({ state }) => state),
    ['paused'],
  );
  await pod.pause();
  const { state, ownerAlive, containers } = await other.runtime.podStatus('p');
  assert.deepEqual([state, ownerAlive, containers[0]?.state], ['paused', true, 'paused']);
  await pod.resume();
  await container.resume();
  assert.equal((await other.runtime.podStatus('p')).state, 'running');
  await pod.delete({ force: true });
});

test('a paused container gets its signals when it goes on, its stop signal among them', async () => {
  const { world, pod, container } = await running(['trap', '7']);
  await container.pause();
  await container.kill('SIGTERM');
  await pause(30);
  assert.equal((await container.status()).state, 'paused');
  await container.resume();
  assert.equal((await container.wait()).code, 7);
  const second = await pod.createContainer(options(['trap', '8']));
  await second.start();
  await second.pause();
  await within(2_000, second.stop({ graceMs: '60s' }));
  assert.deepEqual(await second.wait(), { code: 8, signal: null, reason: 'exited' });
  const stubborn = await pod.createContainer(options(['stubborn']));
  await stubborn.start();
  await stubborn.pause();
  await stubborn.stop({ graceMs: 0 });
  assert.equal((await stubborn.wait()).signal, 'SIGKILL');
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a paused container whose stop is given up during the grace runs, and says so', async () => {
  const { pod, container } = await running(['stubborn']);
  await container.pause();
  const controller = new AbortController();
  const stopping = container.stop({ graceMs: '60s', signal: controller.signal });
  await pause(50);
  controller.abort('enough');
  await assert.rejects(stopping, { name: 'AbortError' });
  assert.equal((await container.status()).state, 'running');
  await container.pause();
  assert.equal((await container.status()).state, 'paused');
  await pod.delete({ force: true });
});

test('a stopped pod takes paused containers with it, in order', async () => {
  const { pod, container } = await running(['trap', '7']);
  await container.pause();
  await pod.pause();
  await within(2_000, pod.stop({ graceMs: '60s' }));
  assert.equal((await container.wait()).code, 7);
  assert.equal((await pod.status()).state, 'stopped');
  await pod.start();
  assert.equal((await container.status()).state, 'running');
  await pod.delete({ force: true });
});

test('output and input go on where they were when a pod is resumed, and nothing is lost', async () => {
  const { world, pod, container } = await running(['cat']);
  const expected = Buffer.alloc(4 << 20, 'abcdefg');
  const reading = text(container.stdout);
  let sent = 0;
  for (let round = 0; round < 4; round++) {
    const part = expected.subarray(sent, sent + (1 << 20));
    sent += part.length;
    const writing = new Promise((resolve) => container.stdin.write(part, resolve));
    await pod.pause();
    assert.equal(world.hypervisor.vm.isPaused, true);
    await pause(10);
    await pod.resume();
    await writing;
  }
  await pod.pause();
  container.stdin.end();
  const waiting = container.wait();
  await pause(20);
  await pod.resume();
  assert.equal((await waiting).code, 0);
  assert.ok((await reading) === expected.toString());
  await pod.delete({ force: true });
});

test('an exec that ends around a pause is released in the guest afterwards', async () => {
  const { world, pod, container } = await running();
  const execs = [];
  for (let index = 0; index < 20; index++) execs.push(await container.exec(['echo', `${index}`]));
  await pod.pause();
  await pause(20);
  await pod.resume();
  for (const exec of execs) assert.equal((await exec.wait()).code, 0);
  const { processes } = await container.processes();
  assert.equal(processes.length, 1);
  // Their ids are free again: the guest has forgotten them.
  await pause(50);
  const id = execs[0]?.id ?? '';
  assert.equal((await (await container.exec(['true'], { id })).wait()).code, 0);
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a pause waits for what is under way and refuses what comes meanwhile', async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const onStep = (step: string): Promise<void> | undefined => (step === 'exec' ? gate : undefined);
  const { world, pod, container } = await running(['sleep'], { onStep });
  const exec = container.exec(['true']);
  await pause(20);
  const pausing = pod.pause();
  await pause(20);
  assert.equal(world.hypervisor.vm.isPaused, false);
  await assert.rejects(container.exec(['true']), {
    code: 'invalid-state',
    message: 'cannot exec in container c: the pod is being paused',
  });
  release();
  await exec;
  await pausing;
  assert.equal(world.hypervisor.vm.isPaused, true);
  await pod.delete({ force: true });
});

test('a run that ends while the pod is being paused has its result and removes its container after that', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const onStep = (step: string): Promise<void> | undefined => (step === 'exec' ? held : undefined);
  const { world, pod, container } = await running(['sleep'], { onStep });
  const input = new PassThrough();
  const run = pod.run({ ...options(['cat'], { id: 'once' }), input });
  run.catch(() => {});
  while (world.hypervisor.vm.crun.containers.size < 2) await pause(5);
  await pause(20);
  const exec = container.exec(['true']);
  await pause(20);
  const pausing = pod.pause();
  await pause(20);
  input.end('hi');
  await pause(100);
  release();
  await exec;
  await pausing;
  await pod.resume();
  assert.equal((await run).stdout, 'hi');
  assert.deepEqual(
    pod.containers.map(({ id }) => id),
    ['c'],
  );
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a pause that is given up while it waits leaves everything as it was', async () => {
  const onStep = (step: string): Promise<void> | undefined =>
    step === 'exec' ? pause(300) : undefined;
  const { world, pod, container } = await running(['sleep'], { onStep });
  const exec = container.exec(['true']);
  await pause(20);
  const controller = new AbortController();
  const pausing = pod.pause({ signal: controller.signal });
  await pause(20);
  controller.abort('enough');
  await assert.rejects(pausing, { name: 'AbortError', cause: 'enough' });
  assert.equal((await pod.status()).state, 'running');
  assert.equal(world.hypervisor.vm.isPaused, false);
  assert.equal((await container.stats()).containerId, 'c');
  await (await exec).wait();
  await pod.delete({ force: true });
});

test('a stop ends a pause that waits, and a forced delete of a pod that hangs while paused ends in time', async () => {
  const { world, pod, container } = await running(['stubborn']);
  const stopping = container.stop({ graceMs: '60s' });
  await pause(20);
  const pausing = pod.pause();
  await pause(20);
  const deleting = pod.delete({ force: true });
  await assert.rejects(pausing, { code: 'invalid-state', message: /the pod is being deleted/ });
  await within(2_000, deleting);
  await stopping.catch(() => {});
  world.assertNothingLeft();

  const hung = await running();
  await hung.pod.pause();
  hung.world.hypervisor.vm.hang();
  await within(9_000, hung.pod.delete({ force: true }));
  hung.world.assertNothingLeft();
});

test('a paused pod does not count as hung, however long somebody waits for it; after a resume it may', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { world, pod, container } = await running();
  const waiting = container.wait().catch((error: { code: string }) => error.code);
  const minutes = async (count: number): Promise<void> => {
    for (let round = 0; round < count * 4; round++) {
      t.mock.timers.tick(15_000);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await pod.pause();
  await minutes(10);
  assert.equal((await pod.status()).state, 'paused');
  await pod.resume();
  assert.equal((await (await container.exec(['exit', '3'])).wait()).code, 3);
  world.hypervisor.vm.hang();
  await minutes(3);
  assert.equal((await pod.status()).state, 'stopped');
  assert.equal(await waiting, 'unavailable');
  t.mock.timers.reset();
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a resumed guest has the host’s time and stays the machine that it was', async () => {
  const { world, pod } = await running();
  await pod.pause();
  const before = BigInt(Date.now()) * 1_000_000n;
  await pod.resume();
  const [first, second] = world.hypervisor.vm.system.identities;
  assert.ok(second !== undefined && second.timeNs >= before);
  assert.deepEqual([second.hostname, second.machineId], [first?.hostname, first?.machineId]);
  await pod.delete({ force: true });
});

for (const [what, end] of [
  [
    'its init is killed',
    (world: PodWorld) => world.hypervisor.vm.crun.containers.get('c')?.killAll(),
  ],
  ['its VM dies', (world: PodWorld) => world.hypervisor.vm.kill()],
  ['its VM loses its agent', (world: PodWorld) => world.hypervisor.vm.loseAgent()],
] as const) {
  test(`a paused container is stopped when ${what}`, async () => {
    const { world, pod, container } = await running();
    await container.pause();
    const waiting = container.wait().catch((error: { code: string }) => error.code);
    end(world);
    const outcome = await within(2_000, waiting);
    assert.equal(
      typeof outcome === 'string' ? outcome : outcome.signal,
      what.includes('init') ? 'SIGKILL' : 'unavailable',
    );
    assert.equal((await container.status()).state, 'stopped');
    await assert.rejects(container.resume(), { code: 'invalid-state', message: /is stopped/ });
    await container.start();
    assert.equal((await container.status()).state, 'running');
    await pod.delete({ force: true });
    world.assertNothingLeft();
  });
}

for (const [what, end] of [
  ['dies', (world: PodWorld) => world.hypervisor.vm.kill()],
  ['loses its agent', (world: PodWorld) => world.hypervisor.vm.loseAgent()],
] as const) {
  test(`whoever waits for a paused pod learns that its VM ${what}`, async () => {
    const { world, pod, container } = await running(['cat']);
    const exec = await container.exec(['sleep']);
    const reading = text(container.stdout);
    await pod.pause();
    const writing = new Promise((resolve) => container.stdin.write(Buffer.alloc(1 << 20), resolve));
    await pause(20);
    end(world);
    for (const waiting of [container.wait(), exec.wait(), reading]) {
      await within(2_000, assert.rejects(waiting, { code: 'unavailable' }));
    }
    assert.ok((await within(2_000, writing)) instanceof Error);
    assert.equal((await pod.status()).state, 'stopped');
    await assert.rejects(pod.resume(), { code: 'invalid-state', message: /the pod is stopped/ });
    await pod.start();
    assert.equal((await container.status()).state, 'running');
    await pod.delete({ force: true });
    world.assertNothingLeft();
  });
}

const phases: Readonly<
  Record<
    string,
    readonly [
      prepare: (of: Of) => Promise<void>,
      run: (of: Of, signal?: AbortSignal) => Promise<void>,
    ]
  >
> = {
  'a container is paused': [
    async () => {},
    ({ container }, signal) => container.pause(toOptions(signal)),
  ],
  'a container is resumed': [
    ({ container }) => container.pause(),
    ({ container }, signal) => container.resume(toOptions(signal)),
  ],
  'a pod is paused': [async () => {}, ({ pod }, signal) => pod.pause(toOptions(signal))],
  'a pod is resumed': [
    ({ pod }) => pod.pause(),
    ({ pod }, signal) => pod.resume(toOptions(signal)),
  ],
};
type Of = Awaited<ReturnType<typeof running>>;
const toOptions = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

/** What is true of the guest, not what is said of it. */
function truth({ world }: Of): string {
  const { vm } = world.hypervisor;
  const isPaused = vm.crun.containers.get('c')?.isPaused;
  return `${vm.isPaused ? 'paused' : 'running'} ${isPaused ? 'paused' : 'running'}`;
}

async function said({ pod, container }: Of): Promise<string> {
  return `${(await pod.status()).state} ${(await container.status()).state}`;
}

for (const [phase, [prepare, run]] of Object.entries(phases)) {
  for (const fault of ['before', 'after', 'abort'] as const) {
    test(`whatever goes wrong (${fault}) while ${phase}, the state is the true one, the one before, and it can be repeated`, async () => {
      let calls = 0;
      for (let n = 1; ; n++) {
        const of = await running();
        await prepare(of);
        const [before, recorded] = [truth(of), await said(of)];
        assert.equal(before, recorded);
        const controller = new AbortController();
        of.world.faults.disarm();
        if (fault !== 'abort') of.world.faults.arm(n, fault);
        else of.world.faults.onCall = (call) => call === n && controller.abort('enough');
        const failure = await run(of, controller.signal).then(
          () => undefined,
          (error: unknown) => error,
        );
        calls = of.world.faults.calls.length;
        const name = of.world.faults.calls[n - 1];
        const where = `${name} (call ${n}): ${String(failure)}`;
        of.world.faults.disarm();
        of.world.faults.onCall = () => {};
        if (calls < n) {
          assert.equal(failure, undefined);
          assert.notEqual(truth(of), before);
          assert.equal(await said(of), truth(of));
          await of.pod.delete({ force: true });
          break;
        }
        // What has gone so far is left to end well.
        if (fault === 'abort' && failure === undefined) {
          assert.equal(name, 'store.save');
          assert.notEqual(truth(of), before, where);
          assert.equal(await said(of), truth(of), where);
          await of.pod.delete({ force: true });
          continue;
        }
        assert.match(String(failure), fault === 'abort' ? /AbortError/ : /injected fault/, where);
        assert.equal(truth(of), before, where);
        assert.equal(await said(of), before, where);
        const other = new PodWorld({ other: of.world });
        const record = await other.runtime.podStatus('p');
        assert.equal(`${record.state} ${record.containers[0]?.state}`, before, where);
        await run(of);
        assert.notEqual(truth(of), before, where);
        assert.equal(await said(of), truth(of), where);
        await of.pod.delete({ force: true });
        of.world.assertNothingLeft();
      }
      assert.ok(calls >= 2, `${calls} calls`);
    });
  }
}

for (const [phase, [prepare, run]] of Object.entries(phases)) {
  test(`the VM's death at any step while ${phase} leaves both stopped, ready to start again`, async () => {
    for (let n = 1; ; n++) {
      const of = await running();
      await prepare(of);
      of.world.faults.disarm();
      of.world.faults.onCall = (call) => call === n && of.world.hypervisor.vm.panic();
      const failure = await run(of).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
      const name = of.world.faults.calls[n - 1];
      const where = `${name} (call ${n})`;
      of.world.faults.onCall = () => {};
      if (name === undefined) {
        assert.ok(n > 2 && failure === undefined, where);
        await of.pod.delete({ force: true });
        break;
      }
      // While it is recorded, it is too late for the call to fail.
      assert.match(String(failure), /^(unavailable|invalid-state|undefined)$/, where);
      assert.equal(await said(of), 'stopped stopped', where);
      await of.pod.start();
      assert.equal(await said(of), 'running running', where);
      await of.pod.delete({ force: true });
      of.world.assertNothingLeft(where);
    }
  });
}

test('a guest that cannot undo a pause leaves a container that counts as paused and can be resumed', async () => {
  let broken = true;
  const { pod, container } = await running(['sleep'], {
    onStep: (step) => {
      if (broken && (step === 'pause' || step === 'resume')) throw new Error('busy');
    },
  });
  await assert.rejects(
    container.pause(),
    (error: { message: string; details: Record<string, unknown> }) => {
      assert.match(error.message, /^cannot pause container c: .*busy/);
      assert.match(String(error.details['failedCleanups']), /busy/);
      return true;
    },
  );
  assert.equal((await container.status()).state, 'paused');
  broken = false;
  await container.resume();
  assert.equal(await text((await container.exec(['echo', 'on'])).stdout), 'on\n');
  await pod.delete({ force: true });
});

test('processes are told with the ids that this side knows them by', async () => {
  const { pod, container } = await running();
  const exec = await container.exec(['sleep', '5'], { id: 'nap' });
  const { processes, total } = await container.processes();
  assert.equal(total, 2);
  assert.deepEqual(
    processes.map(({ processId, command, state }) => [processId, command, state]),
    [
      ['c', ['trap', '7'], 'sleeping'],
      ['nap', ['sleep', '5'], 'sleeping'],
    ],
  );
  await exec.kill('KILL');
  await exec.wait();
  assert.equal((await container.processes()).total, 1);
  await pod.delete({ force: true });
});

test('a pod’s statistics hold its running containers, its guest and its process', async () => {
  const { world, pod, container } = await running();
  await pod.createContainer(options(['true'], { id: 'idle' }));
  const paused = await pod.createContainer(options(['sleep'], { id: 'frozen' }));
  await paused.start();
  await paused.pause();
  const { time, containers, vm, host } = await pod.stats();
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(
    containers.map(({ containerId }) => containerId),
    ['c', 'frozen'],
  );
  assert.deepEqual(containers[0], await container.stats());
  assert.deepEqual(containers[0]?.memory, {
    currentBytes: 4_096_000,
    workingSetBytes: 4_000_000,
    peakBytes: 5_000_000,
    limitBytes: null,
    oomKills: 0,
  });
  assert.equal(containers[0]?.io, null);
  assert.deepEqual(vm.cpus, 1);
  assert.equal(vm.memoryTotalBytes, 512 << 20);
  assert.equal(host.pid, world.hypervisor.vm.handle.process.pid);
  await pod.delete({ force: true });
});

const kindsOf = (events: readonly PodEvent[]): readonly string[] =>
  events.map((event) =>
    [
      event.kind,
      ...('processId' in event
        ? [event.processId]
        : 'containerId' in event
          ? [event.containerId]
          : []),
    ].join(' '),
  );

test('a pod’s life is told in order, and each event when the state is what it says', async () => {
  const world = new PodWorld();
  const all: PodEvent[] = [];
  const states: string[] = [];
  const controller = new AbortController();
  const watching = (async () => {
    for await (const event of world.runtime.events({ signal: controller.signal })) all.push(event);
  })();
  const pod = await world.runtime.createPod({ id: 'p' });
  const own: PodEvent[] = [];
  const reading = (async () => {
    for await (const event of pod.events()) {
      own.push(event);
      const state = await pod.status().then(
        (status) => status.state,
        () => 'gone',
      );
      if (event.kind === 'pod-paused' || event.kind === 'pod-resumed') states.push(state);
    }
  })();
  const container = await pod.createContainer(options(['trap', '7'], { id: 'c' }));
  await container.start();
  await (await container.exec(['eat-memory'], { id: 'x' })).wait();
  await container.pause();
  await container.resume();
  await pod.pause();
  await pause(5);
  await pod.resume();
  await pause(5);
  await container.stop();
  await container.start();
  world.hypervisor.vm.panic();
  await pod.start();
  await pod.stop();
  await pod.delete();
  await reading;
  const expected = [
    ...['container-created c', 'pod-started', 'container-started c'],
    ...['exec-started x', 'container-oom c', 'exec-exited x'],
    ...['container-paused c', 'container-resumed c', 'pod-paused', 'pod-resumed'],
    ...['container-exited c', 'container-started c', 'container-exited c', 'pod-stopped'],
    ...['pod-ready', 'pod-started', 'container-started c', 'container-exited c', 'pod-stopped'],
    ...['container-deleted c', 'pod-deleted'],
  ];
  assert.deepEqual(kindsOf(own), expected);
  assert.deepEqual(states, ['paused', 'running']);
  const stops = own.filter((event) => event.kind === 'pod-stopped');
  assert.deepEqual(
    stops.map(({ why, message }) => [why, message]),
    [
      ['vm-gone', "the guest's kernel panicked"],
      ['requested', null],
    ],
  );
  const exits = own.filter((event) => event.kind === 'container-exited');
  assert.deepEqual(
    exits.map(({ exit }) => exit?.code ?? null),
    [7, null, 7],
  );
  controller.abort();
  await watching;
  assert.deepEqual(kindsOf(all), ['pod-ready', ...expected]);
  assert.deepEqual([...(await toArray(pod.events()))], []);
});

async function toArray<T>(iterable: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of iterable) all.push(item);
  return all;
}

test('a program that ends at once is told to have started before, and nothing is told of what was never made', async () => {
  const world = new PodWorld();
  const pod = await world.runtime.createPod({ id: 'p' });
  const events = pod.events();
  for (let run = 0; run < 5; run++) {
    await using container = await pod.createContainer(options(['true'], { id: 'c' }));
    await container.start();
  }
  await assert.rejects(pod.createContainer(options(['/missing'])));
  await pod.delete({ force: true });
  const kinds = kindsOf(await toArray(events));
  const once = [
    'container-created c',
    'container-started c',
    'container-exited c',
    'container-deleted c',
  ];
  const expected = [once, once, once, once, once].flat();
  expected.splice(1, 0, 'pod-started');
  assert.deepEqual(kinds, [...expected, 'pod-stopped', 'pod-deleted']);
});
