// Tests of starting a QEMU as a template's VM or as a clone, against one without a machine: what it gets, in which order, what is left.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../../../base/log.js';
import type { JailedProcess, JailSpec } from '../../../base/namespaces/jail.js';
import { FakeQemu, type FakeQemuBehaviour } from '../../../testing/fake-qemu.js';
import { samplePlan } from '../../../testing/sample-plan.js';
import type { StartOptions, Vm, VmOrigin, VmPlan } from '../hypervisor.js';
import { QemuHypervisor } from './qemu-hypervisor.js';

const root = await mkdtemp(path.join(tmpdir(), 'virtc-origins-'));
let directory = '';
const fakes: FakeQemu[] = [];
beforeEach(async () => {
  directory = await mkdtemp(path.join(root, 'pod-'));
});
afterEach(() => {
  for (const fake of fakes.splice(0)) fake.end({ code: null, signal: 'SIGKILL' });
});
after(() => rm(root, { recursive: true, force: true }));

const clone: VmOrigin = {
  kind: 'clone',
  template: { memory: '/template/memory', state: '/template/state' },
};
const template = (): VmOrigin => ({ kind: 'template', memory: `${directory}/memory` });

const plan = (origin: VmOrigin): VmPlan =>
  samplePlan({ runDirectory: directory, origin, bootMemoryMiB: 64 });

interface WorldOptions extends FakeQemuBehaviour {
  /** What the jail's sealing comes to. Default: it works. */
  readonly seal?: () => Promise<void>;
}

/** A hypervisor and, in their order, what its QEMU was asked and which of its sockets were dialled. */
function world({ seal, ...behaviour }: WorldOptions = {}) {
  const order: string[] = [];
  const specs: JailSpec[] = [];
  const channels: Socket[] = [];
  const onCommand = (command: string): void => {
    order.push(command);
    behaviour.onCommand?.(command);
  };
  const agent = (socket: Socket): void => {
    order.push('channel');
    channels.push(socket);
    behaviour.sockets?.['agent']?.(socket);
  };
  const spawn = async (spec: JailSpec): Promise<JailedProcess> => {
    specs.push(spec);
    const fake = new FakeQemu(spec, { ...behaviour, onCommand, sockets: { agent } });
    fakes.push(fake);
    return seal === undefined ? fake.process : { ...fake.process, seal };
  };
  const hypervisor = new QemuHypervisor({
    runRoot: directory,
    logRoot: path.join(directory, 'logs'),
    cacheDirectory: null,
    parts: { spawn, cgroups },
  });
  const start = (origin: VmOrigin, options: Partial<StartOptions> = {}): Promise<Vm> =>
    hypervisor.start(plan(origin), { log: silentLogger, onHandle: async () => {}, ...options });
  const qemu = (): FakeQemu => fakes.at(-1) ?? assert.fail('none was started');
  return { start, order, specs, channels, qemu };
}

type World = ReturnType<typeof world>;

let groups = 0;
const cgroups = {
  create: () => {
    groups += 1;
    return [`/cgroup/${groups}`];
  },
  bound: () => {},
  add: () => {},
  remove: async (names: readonly string[]) => {
    groups -= names.length;
  },
  find: () => [],
};

async function nothingLeft({ qemu, channels }: World, where = ''): Promise<void> {
  assert.notEqual(qemu().exit, null, `${where}: QEMU runs`);
  assert.equal(groups, 0, `${where}: cgroups`);
  const left = (await readdir(directory)).filter((name) => name !== 'logs');
  assert.deepEqual(left, [], where);
  for (const channel of channels) channel.resume();
  await until(() => channels.every(({ destroyed }) => destroyed), `${where}: channels`);
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let round = 0; round < 400 && !condition(); round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(condition(), what);
}

test('a template’s VM writes its memory to a file of its own, and its jail stays open', async () => {
  const one = world();
  const vm = await one.start(template());
  const { env, readOnlyPaths, writablePaths, inherited } = one.specs[0] ?? assert.fail();
  assert.deepEqual(env, { PATH: '/usr/bin:/bin' });
  assert.deepEqual(readOnlyPaths, ['/image']);
  assert.deepEqual(writablePaths, [`${directory}/vm`, `${directory}/memory`]);
  assert.deepEqual(inherited, []);
  const memory = await stat(`${directory}/memory`);
  assert.deepEqual([memory.size, memory.mode & 0o777], [64 * 1024 * 1024, 0o600]);
  assert.deepEqual(one.order, ['qmp_capabilities', 'cont']);
  await vm.stop({ graceMs: 1000 });
  assert.deepEqual(await readdir(directory), ['memory'], 'whoever asked for it has it, and no log');
});

test('a template’s memory is removed where its VM cannot be started, at whatever point', async () => {
  for (const exitAt of ['spawn', 'greeting', 'qmp_capabilities', 'cont']) {
    const one = world({ exitAt });
    await assert.rejects(one.start(template()), { code: 'unavailable' });
    await nothingLeft(one, exitAt);
  }
  const one = world();
  await assert.rejects(
    one.start(template(), { onHandle: () => Promise.reject(new Error('disk full')) }),
    /disk full/,
  );
  await nothingLeft(one);
});

test('a file in a template’s memory’s place is not touched, and no QEMU is started', async () => {
  const one = world();
  await mkdir(`${directory}/memory`);
  await assert.rejects(one.start(template()), { code: 'EEXIST' });
  assert.deepEqual([one.specs.length, await readdir(directory)], [0, ['memory']]);
});

test('a clone can read its template’s memory, inherits its state, and opens the memory by the image’s library', async () => {
  const one = world();
  const vm = await one.start(clone);
  const { argv, ...spec } = one.specs[0] ?? assert.fail();
  assert.ok(argv.includes('-incoming') && !argv.includes('-kernel'));
  assert.deepEqual(spec, {
    env: {
      PATH: '/usr/bin:/bin',
      LD_PRELOAD: '/read-only-memory.so',
      VIRTC_MEMORY_FILE: '/template/memory',
    },
    cwd: `${directory}/vm`,
    readOnlyPaths: ['/image', '/template/memory'],
    links: { '/read-only-memory.so': '/image/preload' },
    writablePaths: [`${directory}/vm`],
    inherited: ['/template/state'],
    exports: ['/share'],
    devices: ['null', 'urandom'],
    needsFileCapabilities: true,
  });
  await vm.stop({ graceMs: 1000 });
  await nothingLeft(one);
});

test('a clone’s channel is there before its state is, and both and the seal before it runs', async () => {
  const one = world();
  const vm = await one.start(clone);
  const at = (name: string): number => one.order.indexOf(name);
  for (const name of ['channel', 'seal', 'migrate-incoming', 'cont']) assert.ok(at(name) > 0, name);
  assert.ok(at('channel') < at('migrate-set-capabilities'));
  assert.ok(at('migrate-set-capabilities') < at('migrate-incoming'));
  assert.equal(at('cont'), one.order.length - 1);
  await vm.stop({ graceMs: 1000 });
});

test('a clone does not run while its state is not loaded, nor while its jail is not sealed', async () => {
  for (const options of [
    { migration: { status: null } },
    { seal: () => new Promise<void>(() => {}) },
  ] as const) {
    const one = world(options);
    await assert.rejects(one.start(clone, { signal: AbortSignal.timeout(60) }), {
      name: 'AbortError',
    });
    assert.ok(!one.order.includes('cont'));
    await nothingLeft(one);
  }
});

test('whatever fails in a clone’s start is told, and nothing is left, its channel neither', async () => {
  const why = { 'query-migrate': { 'error-desc': 'Unknown savevm section' } };
  const cases: Readonly<Record<string, readonly [WorldOptions, RegExp]>> = {
    capabilities: [{ refuses: { 'migrate-set-capabilities': 'no such' } }, /no such$/],
    loading: [{ refuses: { 'migrate-incoming': 'no such fd' } }, /no such fd$/],
    state: [
      { migration: { status: 'failed' }, answers: why },
      /^cannot start VM pod: Unknown savevm section$/,
    ],
    seal: [{ seal: () => Promise.reject(new Error('no seal')) }, /no seal/],
    cont: [{ refuses: { cont: 'not now' } }, /QMP command cont: not now/],
    'its end while it loads': [{ exitAt: 'migrate-incoming' }, /QEMU ended with code 1/],
    'its end before it runs': [{ exitAt: 'cont' }, /QEMU ended with code 1/],
    'its end when it is dialled': [
      { sockets: { agent: () => fakes.at(-1)?.end({ code: 1, signal: null }) } },
      /QEMU ended with code 1/,
    ],
  };
  for (const [name, [options, reason]] of Object.entries(cases)) {
    const one = world(options);
    await assert.rejects(
      one.start(clone),
      (error: Error) => reason.test(error.message) || assert.fail(`${name}: ${error.message}`),
    );
    await nothingLeft(one, name);
  }
});

test('a channel that breaks while its clone loads costs no more than that clone', async () => {
  const one = world({
    migration: { status: null },
    sockets: { agent: (socket) => socket.destroy() },
  });
  await assert.rejects(one.start(clone, { signal: AbortSignal.timeout(60) }));
  await nothingLeft(one);
});

test('a seal that fails before the channel is there is told, and is nobody’s unhandled failure', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  try {
    const one = world({
      seal: () => Promise.reject(new Error('no seal')),
      onCommand: (command) => {
        // Then nobody answers any more where the channel is.
        if (command === 'qmp_capabilities') void rm(`${directory}/vm/agent.sock`, { force: true });
      },
    });
    const slow = { onHandle: () => new Promise<void>((resolve) => setTimeout(resolve, 30)) };
    await assert.rejects(one.start(clone, slow));
    await nothingLeft(one);
    await new Promise(setImmediate);
    assert.deepEqual(unhandled, []);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('the channel that a clone has from its start on is handed out once, then each is a new one', async () => {
  const one = world();
  const vm = await one.start(clone);
  assert.equal(one.channels.length, 1);
  const first = await vm.dialAgent();
  assert.equal(one.channels.length, 1);
  one.channels[0]?.write('from the guest');
  assert.equal(
    String(await new Promise((resolve) => first.once('data', resolve))),
    'from the guest',
  );
  const second = await vm.dialAgent();
  assert.notEqual(second, first);
  await until(() => one.channels.length === 2, 'a new one');
  for (const channel of [first, second]) channel.destroy();
  await vm.stop({ graceMs: 1000 });
  await nothingLeft(one);
});

test('a clone that has ended hands out no channel, though it had one', async () => {
  const one = world();
  const vm = await one.start(clone);
  one.qemu().end({ code: 1, signal: null });
  await vm.exited;
  await assert.rejects(vm.dialAgent(), {
    code: 'unavailable',
    message: 'cannot reach the agent of VM pod: QEMU ended with code 1',
  });
  await vm.stop({ graceMs: 1000 });
  await nothingLeft(one);
});

test('a template’s VM is stopped and saved; its memory and its state are what stays', async () => {
  const one = world();
  const vm = await one.start(template());
  const state = `${directory}/state`;
  await vm.save(state);
  assert.deepEqual(one.order.slice(2), ['stop', 'migrate-set-capabilities', 'migrate']);
  assert.equal(await readFile(state, 'utf8'), 'the state');
  await vm.stop({ graceMs: 1000 });
  assert.deepEqual((await readdir(directory)).sort(), ['memory', 'state']);
});

test('a save that fails because QEMU has ended says so with its last words', async () => {
  const one = world({ exitAt: 'migrate', stderr: 'qemu: no disk' });
  const vm = await one.start(template());
  await assert.rejects(vm.save(`${directory}/state`), {
    code: 'unavailable',
    message: 'cannot save VM pod: QEMU ended with code 1: qemu: no disk',
  });
  await vm.stop({ graceMs: 1000 });
  assert.deepEqual(await readdir(directory), ['memory']);
});

test('only a template’s VM can be saved', async () => {
  for (const origin of [clone, { kind: 'boot' }] as const) {
    const one = world();
    const vm = await one.start(origin);
    await assert.rejects(vm.save(`${directory}/state`), {
      code: 'unsupported',
      message: 'cannot save VM pod as a template: it was not started as one',
    });
    assert.ok(!one.order.includes('stop'), 'and goes on');
    await vm.stop({ graceMs: 1000 });
  }
});

test('what keeps this process awake for a VM can be let go and taken back, for later connections too', async () => {
  const awake = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
  const one = world();
  const vm = await one.start(clone);
  const before = awake();
  vm.keepAwake(false);
  // QMP, the console and the agent's channel.
  assert.equal(awake(), before - 3);
  vm.keepAwake(true);
  assert.equal(awake(), before);
  const first = await vm.dialAgent();
  first.destroy();
  await new Promise((resolve) => first.once('close', resolve));
  await vm.dialAgent();
  await until(() => one.channels.length === 2, 'a new one');
  await until(() => one.channels[0]?.destroyed === true, 'the first is gone');
  const later = awake();
  vm.keepAwake(false);
  assert.equal(awake(), later - 3);
  await vm.stop({ graceMs: 1000 });
  await nothingLeft(one);
});
