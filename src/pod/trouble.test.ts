// Tests of pods in trouble: VMs that die, agents that hang or vanish, calls that meet each other, owners that are gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Container, Pod } from '../model/pod.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

async function running(world: PodWorld, command: readonly string[] = ['sleep'], id = 'c') {
  const pod = await world.runtime.createPod({ id: 'p' });
  const container = await pod.createContainer({ id, rootfs: anyDirectory, command, stdin: true });
  await container.start();
  return { pod, container };
}

/** A signal that fires in a moment; until then it keeps this process alive. */
function soon(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  return controller.signal;
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = pause(ms, undefined, { ref: false }).then(() => assert.fail(`not within ${ms} ms`));
  return Promise.race([promise, late]);
}

for (const [how, end, reason] of [
  ['is killed', (world: PodWorld) => world.hypervisor.vm.kill(), /ended by SIGKILL/],
  ['panics', (world: PodWorld) => world.hypervisor.vm.panic(), /kernel panicked/],
  ['loses its agent', (world: PodWorld) => world.hypervisor.vm.loseAgent(), /agent was lost/],
] as const) {
  test(`everybody who waits knows within 2 s that the VM ${how}`, async () => {
    const world = new PodWorld();
    const { pod, container } = await running(world, ['stubborn']);
    const process = await container.exec(['sleep']);
    const waiting = [
      container.wait(),
      process.wait(),
      container.stop({ graceMs: '60s' }),
      (async () => {
        for await (const _ of container.stdout);
      })(),
    ].map((promise) =>
      promise.then(
        () => 'fulfilled',
        (error: unknown) => error,
      ),
    );
    await pause(20);
    end(world);
    const [wait, execWait, , read] = await within(2_000, Promise.all(waiting));
    for (const error of [wait, execWait, read] as {
      code: string;
      message: string;
      details: Record<string, unknown>;
    }[]) {
      assert.equal(error.code, 'unavailable', String(error));
      assert.match(error.message, reason);
      assert.match(String(error.details['consoleTail']), /the last line/);
    }
    assert.equal((await pod.status()).state, 'stopped');
    const status = await container.status();
    assert.equal(status.state, 'stopped');
    assert.equal(status.exit, null);
    await assert.rejects(container.exec(['true']), { code: 'invalid-state' });
    await assert.rejects(pod.createContainer({ rootfs: anyDirectory, command: ['true'] }), {
      code: 'invalid-state',
    });
    // What it held is released without anybody asking.
    await within(
      2_000,
      (async () => {
        while (world.left.vms + world.left.shares > 0) await pause(5);
      })(),
    );
    await container.stop();
    await pod.start();
    assert.equal((await container.status()).state, 'running');
    await pod.delete({ force: true });
    world.assertNothingLeft();
  });
}

test('an agent that never answers delays a stop by no more than its bounds, and nothing is left', async () => {
  const world = new PodWorld();
  const { pod, container } = await running(world);
  world.hypervisor.vm.hang();
  // Status needs no guest.
  assert.equal((await within(500, container.status())).state, 'running');
  await within(8_000, pod.stop({ graceMs: 100 }));
  assert.equal((await pod.status()).state, 'stopped');
  await pod.delete();
  world.assertNothingLeft();
});

test('an agent that never answers does not keep a pod from being deleted', async () => {
  const world = new PodWorld();
  const { pod, container } = await running(world);
  world.hypervisor.vm.hang();
  const exec = container.exec(['true']);
  exec.catch(() => {});
  await within(8_000, pod.delete({ force: true }));
  await assert.rejects(exec);
  world.assertNothingLeft();
});

test('a container that the guest does not give back is deleted by force alone, and that is said once', async () => {
  let broken = true;
  const onStep = (step: string): void => {
    if (broken && step === 'destroy') throw new Error('busy');
  };
  const world = new PodWorld({ crun: { onStep } });
  const pod = await world.runtime.createPod({ id: 'p' });
  const options = { rootfs: anyDirectory, command: ['true'] };
  const container = await pod.createContainer({ id: 'c', ...options });
  await assert.rejects(container.delete(), {
    code: 'internal',
    message: /^cannot delete container c: (?!.*cannot delete).*busy/,
    hint: /force/,
  });
  await container.delete({ force: true });
  assert.deepEqual(pod.containers, []);
  broken = false;
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a hanging stop keeps nobody else waiting', async () => {
  const world = new PodWorld();
  const { pod, container: stubborn } = await running(world, ['stubborn'], 'stubborn');
  const other = await pod.createContainer({ rootfs: anyDirectory, command: ['sleep'] });
  await other.start();
  const stop = stubborn.stop({ graceMs: '60s' });
  await pause(20);
  await within(
    1_000,
    (async () => {
      assert.equal((await (await other.exec(['exit', '4'])).wait()).code, 4);
      // Also in the very container that is being stopped.
      assert.equal((await (await stubborn.exec(['exit', '5'])).wait()).code, 5);
      assert.equal((await pod.status()).containers.length, 2);
      assert.equal((await world.runtime.listPods()).length, 1);
      const third = await pod.createContainer({ rootfs: anyDirectory, command: ['true'] });
      await third.start();
      await third.delete({ force: true });
    })(),
  );
  // A forced delete does not wait for the grace of somebody's stop.
  await within(1_000, pod.delete({ force: true }));
  await within(
    1_000,
    stop.catch(() => {}),
  );
  world.assertNothingLeft();
});

test('an aborted stop gives up waiting and leaves the container running', async () => {
  const world = new PodWorld();
  const { pod, container } = await running(world, ['stubborn']);
  for (const target of [container, pod]) {
    const controller = new AbortController();
    const stop = target.stop({ graceMs: '60s', signal: controller.signal });
    await pause(20);
    controller.abort('no patience');
    await assert.rejects(stop, { name: 'AbortError', code: 'cancelled', cause: 'no patience' });
    assert.equal((await container.status()).state, 'running');
  }
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('an id that is taken says whether its owner lives, and what to do where it does not', async () => {
  const world = new PodWorld();
  const pod = await world.runtime.createPod({ id: 'box' });
  const web = { id: 'web', rootfs: anyDirectory, command: ['sleep'] };
  await pod.createContainer(web);
  const other = new PodWorld({ other: world });
  const mine = await other.runtime.createPod({ id: 'mine' });
  const again = () => other.runtime.createPod({ id: 'box' });
  await assert.rejects(again, { message: 'cannot create pod box: it exists' });
  world.store.die();
  const hint = /gc\(\) of the library .* deletePod\('box'\)/;
  await assert.rejects(again, {
    code: 'already-exists',
    message: 'cannot create pod box: it exists, but its owner has ended',
    hint,
  });
  await assert.rejects(mine.createContainer(web), {
    code: 'already-exists',
    message: /pod box has .*, but its owner has ended$/,
    hint,
  });
  assert.deepEqual((await other.runtime.gc()).removed, ['box']);
  await mine.createContainer(web);
  await mine.delete({ force: true });
  world.assertNothingLeft();
});

test('of two pods with one id one wins, and the loser harms nothing', async () => {
  const world = new PodWorld();
  const results = await Promise.allSettled([
    world.runtime.createPod({ id: 'same' }),
    world.runtime.createPod({ id: 'same' }),
  ]);
  const [won, lost] = results[0]?.status === 'fulfilled' ? results : [...results].reverse();
  assert.equal(won?.status, 'fulfilled');
  assert.equal(lost?.status === 'rejected' && lost.reason.code, 'already-exists');
  const other = new PodWorld({ other: world });
  await assert.rejects(other.runtime.createPod({ id: 'same' }), { code: 'already-exists' });
  assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 0, records: 1, names: 0 });
  const pod = (won as PromiseFulfilledResult<Pod>).value;
  // Two deletes at once: both find it gone.
  await Promise.all([
    pod.delete(),
    pod.delete({ force: true }),
    world.runtime.deletePod('same').catch(() => {}),
  ]);
  world.assertNothingLeft();
  await assert.rejects(world.runtime.deletePod('same'), { code: 'not-found' });
});

test('a pod that is being created is deleted only by force, and then nothing is left', async () => {
  const world = new PodWorld();
  let open = (): void => {};
  world.beforeImage = () =>
    new Promise((resolve) => {
      open = resolve;
    });
  const creating = world.runtime.createPod({ id: 'p' });
  creating.catch(() => {});
  await pause(20);
  await assert.rejects(world.runtime.deletePod('p'), { code: 'invalid-state' });
  const deleting = world.runtime.deletePod('p', { force: true });
  await pause(20);
  open();
  await deleting;
  await assert.rejects(creating, { code: 'cancelled' });
  world.assertNothingLeft();
});

test('deleting a pod ends what is being done to it', async () => {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const world = new PodWorld({
    crun: { onStep: (step) => (step === 'create' ? gate : undefined) },
  });
  const pod = await world.runtime.createPod({ id: 'p' });
  const create = pod.createContainer({ rootfs: anyDirectory, command: ['sleep'] });
  create.catch(() => {});
  await pause(20);
  const deleting = pod.delete({ force: true });
  await pause(20);
  open();
  await assert.rejects(create, { code: 'invalid-state', message: /the pod is being deleted/ });
  await deleting;
  world.assertNothingLeft();
});

test('containers of one id made at once: one wins', async () => {
  const world = new PodWorld();
  const pod = await world.runtime.createPod();
  const make = () => pod.createContainer({ id: 'c', rootfs: anyDirectory, command: ['sleep'] });
  const results = await Promise.allSettled([make(), make(), make()]);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected') assert.equal(result.reason.code, 'already-exists');
  }
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a missing root or mount source is named, and nothing is left of the container', async () => {
  const world = new PodWorld();
  await using pod = await world.runtime.createPod();
  await assert.rejects(
    pod.createContainer({ id: 'c', rootfs: '/no/such/root', command: ['true'] }),
    {
      code: 'not-found',
      message: 'cannot create container c: root file system "/no/such/root": it does not exist',
    },
  );
  await assert.rejects(
    pod.createContainer({
      id: 'c',
      rootfs: anyDirectory,
      command: ['true'],
      mounts: [{ kind: 'bind', source: '/no/such/source', destination: '/data' }],
    }),
    {
      code: 'not-found',
      message:
        'cannot create container c: source of the mount at /data "/no/such/source": it does not exist',
    },
  );
  assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 0, records: 1, names: 0 });
});

test('what a dead owner left is listed, collected, and nothing of the living is touched', async () => {
  const world = new PodWorld();
  const { container } = await running(world);
  assert.equal((await container.status()).state, 'running');
  const other = new PodWorld({ other: world });
  const mine = await other.runtime.createPod({ id: 'mine' });
  await assert.rejects(other.runtime.deletePod('p', { force: true }), { code: 'invalid-state' });
  assert.deepEqual(await other.runtime.gc(), { removed: [], failed: [] });
  world.store.die();
  const status = await other.runtime.podStatus('p');
  assert.deepEqual(
    [status.ownerAlive, status.state, status.containers[0]?.state],
    [false, 'stopped', 'stopped'],
  );
  assert.deepEqual(await other.runtime.gc(), { removed: ['p'], failed: [] });
  assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 0, records: 1, names: 0 });
  await mine.delete();
  world.assertNothingLeft();
});

for (const [name, end] of [
  ['deletePod', (world: PodWorld, signal: AbortSignal) => world.runtime.deletePod('p', { signal })],
  ['gc', (world: PodWorld, signal: AbortSignal) => world.runtime.gc({ signal })],
] as const) {
  test(`${name} of what a dead owner left ends with its signal, and what is left stays named`, async () => {
    const world = new PodWorld();
    await running(world);
    world.store.die();
    const other = new PodWorld({ other: world });
    await assert.rejects(end(other, AbortSignal.abort()), { name: 'AbortError' });
    const controller = new AbortController();
    const { hypervisor } = world;
    const release = hypervisor.release.bind(hypervisor);
    hypervisor.release = async () => controller.abort();
    await assert.rejects(end(other, controller.signal), { name: 'AbortError', code: 'cancelled' });
    hypervisor.release = release;
    assert.deepEqual(world.left, { vms: 1, shares: 1, binds: 1, records: 1, names: 1 });
    assert.deepEqual(await other.runtime.gc(), { removed: ['p'], failed: [] });
    world.assertNothingLeft();
  });
}

test('an aborted gc says what it has done', async () => {
  const world = new PodWorld();
  for (const id of ['p', 'q']) await world.runtime.createPod({ id });
  world.store.die();
  const other = new PodWorld({ other: world });
  const controller = new AbortController();
  const remove = other.hypervisor.findLeftovers.bind(other.hypervisor);
  other.hypervisor.findLeftovers = async (id) => {
    const found = await remove(id);
    controller.abort();
    return found;
  };
  const details = { removed: ['p'], failed: [] };
  await assert.rejects(other.runtime.gc({ signal: controller.signal }), {
    code: 'cancelled',
    details,
  });
  assert.equal(world.left.records, 1);
});

test('a forced deletion of a pod that is being created stops waiting with its signal', async () => {
  const world = new PodWorld();
  let goOn = (): void => {};
  world.beforeImage = () => new Promise((resolve) => (goOn = resolve));
  const creating = world.runtime.createPod({ id: 'p' });
  creating.catch(() => {});
  while (world.disk.pods.size === 0) await pause(5);
  const signal = soon();
  const deleting = world.runtime.deletePod('p', { force: true, signal });
  await assert.rejects(within(2_000, deleting), { name: 'AbortError' });
  goOn();
  await assert.rejects(creating, { code: 'cancelled' });
  world.assertNothingLeft();
});

test('a change of the terminal’s size that the guest does not answer ends with its signal', async () => {
  const world = new PodWorld();
  const { pod, container } = await running(world);
  const process = await container.exec(['sleep'], { terminal: true });
  world.hypervisor.vm.hang();
  const resizing = process.resize({ columns: 1, rows: 1 }, { signal: soon() });
  await assert.rejects(within(2_000, resizing), { name: 'AbortError' });
  world.hypervisor.vm.kill();
  await pod.delete({ force: true });
});

test('a container that starts again while another is created is given room beside it', async () => {
  const steps: string[] = [];
  let goOn = (): void => {};
  const isHeld = (step: string, id: string): boolean => step === 'create' && id === 'b';
  const world = new PodWorld({
    crun: {
      onStep: (step, id) => {
        steps.push(`${step} ${id}`);
        if (!isHeld(step, id)) return undefined;
        return new Promise((resolve) => (goOn = resolve));
      },
    },
  });
  const pod = await world.runtime.createPod({ id: 'p' });
  const large = { rootfs: anyDirectory, command: ['sleep'], memoryMiB: '1GiB', cpus: 1 } as const;
  const first = await pod.createContainer({ ...large, id: 'a' });
  await first.start();
  await first.stop({ graceMs: 0 });
  const creating = pod.createContainer({ ...large, id: 'b' });
  while (!steps.includes('create b')) await pause(5);
  await first.start();
  goOn();
  await creating;
  const { cpus, memoryMiB } = await pod.status();
  assert.equal(cpus, 2);
  assert.ok(memoryMiB > 2048, `${memoryMiB} MiB`);
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a damaged record is told, refused by gc, and deleted by force with what its name tells', async () => {
  const world = new PodWorld();
  await running(world);
  world.store.die();
  const place = world.disk.pods.get('p');
  assert.ok(place);
  place.text = '{"version":1,';
  const other = new PodWorld({ other: world });
  const [entry] = await other.runtime.listPods();
  assert.match(
    entry !== undefined && 'error' in entry ? entry.error : '',
    /record.json is damaged/,
  );
  const { removed, failed } = await other.runtime.gc();
  assert.deepEqual([removed, failed.map(({ id }) => id)], [[], ['p']]);
  await assert.rejects(other.runtime.deletePod('p'), { code: 'internal', hint: /force/ });
  await other.runtime.deletePod('p', { force: true });
  assert.deepEqual(
    { ...world.left, shares: 0, binds: 0 },
    { vms: 0, shares: 0, binds: 0, records: 0, names: 0 },
  );
});

test('an owner that died before its first record is collected', async () => {
  const world = new PodWorld();
  await world.store.create('half');
  world.store.die();
  assert.deepEqual(await new PodWorld({ other: world }).runtime.gc(), {
    removed: ['half'],
    failed: [],
  });
});

test('a wait given up by its signal leaves the process alone', async () => {
  const world = new PodWorld();
  const { pod, container } = await running(world);
  const controller = new AbortController();
  const waiting = container.wait({ signal: controller.signal });
  waiting.catch(() => {});
  await pause(10);
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  assert.equal((await container.status()).state, 'running');
  await pod.delete({ force: true });
});

test('an exec given up while the guest makes it is killed there', async () => {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const world = new PodWorld({ crun: { onStep: (step) => (step === 'exec' ? gate : undefined) } });
  const { pod, container } = await running(world);
  const controller = new AbortController();
  const exec = container.exec(['sleep'], { id: 'x', signal: controller.signal });
  exec.catch(() => {});
  await pause(20);
  controller.abort();
  await pause(20);
  open();
  await assert.rejects(exec, { name: 'AbortError' });
  // Killed and released: its id is free in the guest.
  assert.equal((await (await container.exec(['true'], { id: 'x' })).wait()).code, 0);
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('disposing is a forced delete, of containers and of pods', async () => {
  const world = new PodWorld();
  {
    await using pod = await world.runtime.createPod();
    await using container: Container = await pod.createContainer({
      rootfs: anyDirectory,
      command: ['stubborn'],
    });
    await container.start();
  }
  world.assertNothingLeft();
});
