// Tests that a plan is what is then made, and that planning makes nothing.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { sleep } from '../base/deadline.js';
import { VirtcontainersError } from '../base/errors.js';
import { silentLogger } from '../base/log.js';
import { TtrpcAgentConnector } from '../host/agent/ttrpc-agent-connector.js';
import { QemuHypervisor } from '../host/hypervisor/qemu/qemu-hypervisor.js';
import { FileLogs } from '../host/logs/file-logs.js';
import { NinePShare } from '../host/share/ninep-share.js';
import { FileStore } from '../host/store/file-store.js';
import { defaults } from '../model/defaults.js';
import type { ContainerOptions } from '../model/options.js';
import { FakeTemplates } from '../testing/fake-templates.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';
import { LocalRuntime } from './local-runtime.js';

const children = (): string =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();

const containers: readonly ContainerOptions[] = [
  {
    id: 'one',
    rootfs: anyDirectory,
    command: ['sleep', 'x'],
    init: true,
    memoryMiB: 400,
    cpus: 1.5,
    mounts: [
      { kind: 'bind', source: '/tmp', destination: '/data', readOnly: true },
      { kind: 'tmpfs', destination: '/scratch' },
    ],
  },
  {
    id: 'two',
    rootfs: { kind: 'directory', path: anyDirectory, writes: 'host' },
    command: ['sleep'],
    hostname: 'other',
    memoryMiB: 300,
  },
];

test('what is planned is what the VM, the share and the guest then get', async () => {
  const world = new PodWorld();
  const options = { id: 'p', hostname: 'box' } as const;
  const plan = await world.runtime.planPod(options, containers);
  await using pod = await world.runtime.createPod(options);
  assert.deepEqual(world.hypervisor.commandLines, [plan.vm.argv]);
  assert.deepEqual(world.hypervisor.vm.size, plan.vm.boot);
  for (const container of containers) await pod.createContainer(container);
  assert.deepEqual(world.hypervisor.vm.size, plan.vm.size);
  assert.deepEqual(plan.vm.size, { cpus: 2, memoryMiB: 896 });
  const made = [...world.hypervisor.vm.crun.containers.values()].map(
    ({ options: { spec } }) => spec,
  );
  assert.deepEqual(
    made,
    plan.containers.map(({ spec }) => spec),
  );
  assert.deepEqual(
    [...world.share.bound.values()],
    plan.containers.flatMap(({ root, binds }) =>
      [root, ...binds].map(({ source, readOnly, cached }) => ({ source, readOnly, cached })),
    ),
  );
  assert.deepEqual([...world.share.open], [`${plan.runDirectory}/share`]);
  assert.deepEqual(
    plan.shares.map(({ directory }) => directory),
    [`${plan.runDirectory}/share/ro`, `${plan.runDirectory}/share/rw`],
  );
  assert.deepEqual(
    plan.containers.map(({ discardWrites }) => discardWrites),
    [true, false],
  );
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
});

test('planning asks for the image and the command line, and calls nothing that makes something', async () => {
  const world = new PodWorld();
  const plan = await world.runtime.planPod({ id: 'p' }, containers);
  assert.deepEqual(world.faults.calls, ['openImage', 'hypervisor.describe']);
  assert.deepEqual([world.disk.saves, world.events], [0, []]);
  world.assertNothingLeft();
  assert.equal(plan.hostname, 'p');
  assert.deepEqual((await world.runtime.planPod()).containers, []);
});

test('a plan can be had while a pod of that id is there', async () => {
  const world = new PodWorld();
  await using _pod = await world.runtime.createPod({ id: 'p' });
  assert.equal((await world.runtime.planPod({ id: 'p' })).id, 'p');
});

test('with the real mechanisms planning leaves no file, no mount and no process', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'virtc-plan-'));
  try {
    const runRoot = path.join(directory, 'run');
    const logs = path.join(directory, 'logs');
    const runtime = new LocalRuntime(async () => ({
      hypervisor: new QemuHypervisor({
        runRoot,
        logRoot: logs,
        cacheDirectory: path.join(runRoot, 'cache'),
      }),
      share: new NinePShare(),
      store: new FileStore({ root: runRoot, logs }),
      logs: new FileLogs({ root: logs }),
      templates: new FakeTemplates(),
      agents: new TtrpcAgentConnector({ version: '0' }),
      openImage: async () => ({
        id: 'image',
        directory: '/image',
        kernel: '/image/k',
        initrd: '/image/i',
        rootImage: '/image/r',
        rootImageBytes: 128 * 1024 * 1024,
        memoryPreload: '/image/p',
        kernelParameters: ['quiet'],
      }),
      accelerator: 'tcg',
      defaults,
      host: { cpus: 2, memoryMiB: 4096 },
      owner: { pid: process.pid, startTime: '1' },
      log: silentLogger,
      onProgress: undefined,
      onWarning: undefined,
    }));
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const plan = await runtime.planPod({ id: 'p' }, containers);
    assert.equal(plan.runDirectory, path.join(runRoot, 'pods/p'));
    assert.equal(plan.vm.argv[0], '/usr/bin/qemu-system-x86_64');
    assert.deepEqual(readdirSync(directory), []);
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts);
    // The child that was asked whether there are user namespaces has been killed, and is reaped a moment later.
    const deadline = performance.now() + 10_000;
    while (children() !== '') {
      assert.ok(performance.now() < deadline, `it has left the processes ${children()}`);
      await sleep(5);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what is wrong is said as when it is made', async () => {
  const world = new PodWorld();
  const pods: readonly [object, readonly object[]][] = [
    [{ memoryMiB: '60GiB' }, []],
    [{ cpus: 9 }, []],
    [{ memory: 1 }, []],
    [{}, [{ rootfs: anyDirectory, command: ['x'], id: 'c', cpus: 9 }]],
    [{}, [{ rootfs: anyDirectory, command: ['x'], id: 'c', memoryMiB: '60GiB' }]],
    [{}, [{ rootfs: anyDirectory, command: ['x'], id: 'c', memoryMiB: 1 }]],
    [{}, [{ rootfs: anyDirectory, command: ['x'.repeat(4_000_000)], id: 'c' }]],
    [{}, [{ rootfs: anyDirectory, command: ['x'], id: 'c', initial: true }]],
    [
      {},
      [
        { rootfs: anyDirectory, command: ['sleep'], id: 'c' },
        { rootfs: anyDirectory, command: ['sleep'], id: 'c' },
      ],
    ],
  ];
  const errorOf = async (work: () => Promise<unknown>): Promise<unknown[]> => {
    const error = await work().then(
      () => assert.fail('it did not fail'),
      (failure: unknown) => failure,
    );
    assert.ok(error instanceof VirtcontainersError);
    return [error.code, error.message, error.hint];
  };
  for (const [pod, list] of pods) {
    const options = { id: 'p', ...pod };
    const planned = await errorOf(() =>
      world.runtime.planPod(options, list as readonly ContainerOptions[]),
    );
    const made = await errorOf(async () => {
      await using running = await world.runtime.createPod(options);
      for (const container of list) await running.createContainer(container as ContainerOptions);
    });
    assert.deepEqual(planned.slice(0, 2), made.slice(0, 2));
    world.assertNothingLeft();
  }
});

test('a guest image that is missing is named, with what to do', async () => {
  const world = new PodWorld();
  world.beforeImage = async () => {
    throw new VirtcontainersError('not-found', 'cannot open guest image /g: there is none', {
      hint: 'run virtc setup',
    });
  };
  const expected = {
    code: 'not-found',
    message: 'cannot create pod p: cannot open guest image /g: there is none',
    hint: 'run virtc setup',
  };
  await assert.rejects(world.runtime.planPod({ id: 'p' }), expected);
  await assert.rejects(world.runtime.createPod({ id: 'p' }), expected);
});

test('a list that is none, and a signal that has fired, are refused', async () => {
  const { runtime } = new PodWorld();
  await assert.rejects(runtime.planPod({ id: 'p' }, containers[0] as never), {
    code: 'invalid-argument',
    message: 'cannot plan pod p: the containers must be a list of options',
  });
  const signal = AbortSignal.abort();
  await assert.rejects(runtime.planPod({ id: 'p', signal }), { code: 'cancelled' });
});
