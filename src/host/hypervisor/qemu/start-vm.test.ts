// Tests of starting, commanding and losing a QEMU, against one without a machine that fails where it is told to.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { isVirtcontainersError, VirtcontainersError } from '../../../base/errors.js';
import { silentLogger } from '../../../base/log.js';
import type { JailSpec } from '../../../base/namespaces/jail.js';
import { createTrace } from '../../../base/trace/trace.js';
import { FakeQemu, type FakeQemuBehaviour } from '../../../testing/fake-qemu.js';
import { samplePlan } from '../../../testing/sample-plan.js';
import type { StartOptions, Vm, VmPlan } from '../hypervisor.js';
import type { CgroupMaker } from './cgroup-maker.js';
import { QemuHypervisor } from './qemu-hypervisor.js';

let directory = '';
const fakes: FakeQemu[] = [];
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'virtc-start-'));
});
after(() => rm(directory, { recursive: true, force: true }));
afterEach(() => {
  for (const fake of fakes) fake.end({ code: null, signal: 'SIGKILL' });
});

const plan = (): VmPlan => samplePlan({ runDirectory: directory });

const noCgroups: CgroupMaker = {
  create: () => [],
  bound: () => {},
  add: () => {},
  remove: async () => {},
  find: () => [],
};

interface World {
  readonly hypervisor: QemuHypervisor;
  readonly start: (options?: Partial<StartOptions>) => Promise<Vm>;
  readonly specs: JailSpec[];
  readonly cgroups: Set<string>;
  /** The sizes in MiB for which memory was bounded since the start. */
  readonly bounds: readonly number[];
  readonly qemu: () => FakeQemu;
}

function world(behaviour: FakeQemuBehaviour = {}, cgroupFailure?: Error): World {
  const specs: JailSpec[] = [];
  const cgroups = new Set<string>();
  const bounds: number[] = [];
  const maker: CgroupMaker = {
    create: () => {
      cgroups.add('/cgroup/pod');
      return ['/cgroup/pod'];
    },
    bound: (_names, memoryMiB) => bounds.push(memoryMiB),
    add: () => {
      if (cgroupFailure !== undefined) throw cgroupFailure;
    },
    remove: async (names) => {
      for (const name of names) cgroups.delete(name);
    },
    find: () => [],
  };
  const spawn = async (spec: JailSpec) => {
    specs.push(spec);
    const fake = new FakeQemu(spec, behaviour);
    fakes.push(fake);
    return fake.process;
  };
  const hypervisor = new QemuHypervisor({
    runRoot: directory,
    logRoot: path.join(directory, 'logs'),
    cacheDirectory: null,
    parts: { spawn, cgroups: maker },
  });
  const start = (options: Partial<StartOptions> = {}) =>
    hypervisor.start(plan(), { log: silentLogger, onHandle: async () => {}, ...options });
  const qemu = (): FakeQemu => {
    const fake = fakes.at(-1);
    assert.ok(fake);
    return fake;
  };
  return { hypervisor, start, specs, cgroups, bounds, qemu };
}

async function nothingLeft({ cgroups, qemu }: World): Promise<void> {
  assert.notEqual(qemu().exit, null, 'QEMU runs');
  assert.deepEqual([...cgroups], []);
  assert.deepEqual(await readdir(directory), ['logs']);
}

/** The error of a promise that must reject with one of ours. */
async function errorOf(promise: Promise<unknown>): Promise<VirtcontainersError> {
  const error: unknown = await promise.then(
    () => assert.fail('it did not fail'),
    (reason) => reason,
  );
  assert.ok(isVirtcontainersError(error), String(error));
  return error;
}

test('the jail holds QEMU’s own directory, the image and the exports, and nothing else', async () => {
  const { start, specs } = world();
  const vm = await start();
  const { argv, ...spec } = specs[0] ?? assert.fail();
  assert.equal(argv[0], '/usr/bin/qemu-system-x86_64');
  assert.deepEqual(spec, {
    env: { PATH: '/usr/bin:/bin' },
    cwd: `${directory}/vm`,
    readOnlyPaths: ['/image'],
    writablePaths: [`${directory}/vm`],
    exports: ['/share'],
    links: {},
    inherited: [],
    devices: ['null', 'urandom'],
    needsFileCapabilities: true,
  });
  await vm.stop({ graceMs: 1000 });
});

test('the machine only runs once its handle is recorded, its console read and its jail sealed', async () => {
  const order: string[] = [];
  const { start, qemu } = world({ onCommand: (command) => order.push(command) });
  const onHandle = async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    order.push('recorded');
  };
  const vm = await start({ onHandle });
  assert.deepEqual(order, ['qmp_capabilities', 'recorded', 'seal', 'cont']);
  qemu().print('first byte');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(vm.consoleTail(), 'first byte');
  await vm.stop({ graceMs: 1000 });
});

test('a QEMU that ends at any point of the start is noticed, and its last words are told', async () => {
  for (const exitAt of ['spawn', 'greeting', 'qmp_capabilities', 'cont']) {
    const one = world({ exitAt, stderr: 'qemu: no such \x1b[1mdevice\n' });
    const error = await errorOf(one.start());
    assert.equal(error.code, 'unavailable', exitAt);
    assert.equal(
      error.message,
      'cannot start VM pod: QEMU ended with code 1: qemu: no such \\x1b[1mdevice',
    );
    assert.equal(error.details['stderrTail'], 'qemu: no such \\x1b[1mdevice\n');
    assert.equal(error.details['consoleTail'], '');
    await nothingLeft(one);
  }
});

test('ten megabytes on its standard error, full of escape sequences, are bounded and harmless in the error', async () => {
  const stderr = `${'\u001b]0;title\u0007\u009b2J\0'.repeat(600_000)}\nqemu: the reason`;
  const error = await errorOf(world({ exitAt: 'greeting', stderr }).start());
  assert.match(error.message, /^cannot start VM pod: QEMU ended with code 1: .*qemu: the reason$/);
  assert.ok(error.message.length < 4_096, `${error.message.length} characters`);
  assert.doesNotMatch(error.message, /\p{Cc}/u);
  const tail = String(error.details['stderrTail']);
  assert.ok(tail.length <= 16 * 1024);
  assert.match(tail, /^[^\p{Cc}]*\nqemu: the reason$/u);
});

/** A QEMU that says `says` of its version and ends as soon as it is started. */
async function failureOf(says: string): Promise<VirtcontainersError> {
  const program = path.join(directory, 'logs', 'qemu');
  await mkdir(path.dirname(program), { recursive: true });
  await writeFile(program, `#!/bin/sh\nprintf '${says}'\n`, { mode: 0o755 });
  const hypervisor = new QemuHypervisor({
    runRoot: directory,
    logRoot: null,
    cacheDirectory: null,
    program,
    parts: {
      cgroups: noCgroups,
      spawn: async (spec) => new FakeQemu(spec, { exitAt: 'spawn', stderr: 'bad option' }).process,
    },
  });
  const options = { log: silentLogger, onHandle: async () => {} };
  return errorOf(hypervisor.start(plan(), options));
}

test('of a QEMU that fails the version is told, and that it is too old where it is', async () => {
  const versions: readonly (readonly [string, string | undefined, RegExp])[] = [
    ['QEMU emulator version 6.2.0 (x)\\n', '6.2.0', /^QEMU 7\.2 or newer is needed, \/.*qemu is 6/],
    ['QEMU emulator version 8.0.1\\n', '8.0.1', /^undefined$/],
    ['\\033[2Jgarbage', undefined, /^undefined$/],
    ['', undefined, /^undefined$/],
  ];
  for (const [says, version, hint] of versions) {
    const error = await failureOf(says);
    assert.equal(error.message, 'cannot start VM pod: QEMU ended with code 1: bad option', says);
    assert.equal(error.details['qemuVersion'], version, says);
    assert.match(String(error.hint), hint, says);
  }
});

test('an abort at any point of the start ends it at once and leaves nothing', async () => {
  for (const silentAt of ['greeting', 'qmp_capabilities', 'cont']) {
    const one = world({ silentAt });
    const error = await errorOf(one.start({ signal: AbortSignal.timeout(30) }));
    assert.equal(error.name, 'AbortError', silentAt);
    await nothingLeft(one);
  }
});

test('whatever else fails in the start leaves nothing', async () => {
  const cases: readonly (readonly [World, Partial<StartOptions>, RegExp])[] = [
    [world({ refuses: { cont: 'not now' } }), {}, /QMP command cont: not now/],
    [world({ garbage: 'HTTP/1.1 200 OK\r\n' }), {}, /a line is not JSON/],
    [world({}, new Error('cgroup is read-only')), {}, /cgroup is read-only/],
    [world(), { onHandle: () => Promise.reject(new Error('disk full')) }, /disk full/],
  ];
  for (const [one, options, reason] of cases) {
    await assert.rejects(one.start(options), reason);
    await nothingLeft(one);
  }
});

test('a missing QEMU is said with what to do', async () => {
  const hypervisor = new QemuHypervisor({
    runRoot: directory,
    logRoot: null,
    cacheDirectory: null,
    parts: {
      spawn: () =>
        Promise.reject(new VirtcontainersError('not-found', 'cannot start /usr/bin/qemu: ENOENT')),
      cgroups: noCgroups,
    },
  });
  const options = { log: silentLogger, onHandle: async () => {} };
  const error = await errorOf(hypervisor.start(plan(), options));
  assert.deepEqual([error.code, /virtc setup/.test(error.hint ?? '')], ['not-found', true]);
  assert.equal(existsSync(`${directory}/vm`), false);
});

test('a QEMU that ends under a command or later is why every call fails', async () => {
  const one = world({ exitAt: 'stop' });
  const vm = await one.start();
  one.qemu().print('the last line\n');
  for (const call of [vm.pause(), vm.resume(), vm.grow({ cpus: 2, memoryMiB: 512 })]) {
    const error = await errorOf(call);
    assert.equal(error.code, 'unavailable');
    assert.match(error.message, /^cannot \w+ VM pod: QEMU ended with code 1$/);
    assert.equal(error.details['consoleTail'], 'the last line\n');
  }
  await vm.stop({ graceMs: 1000 });
  await nothingLeft(one);
});

test('a flood on the console is bounded in memory, and its end is kept', async () => {
  const one = world();
  const vm = await one.start();
  for (let index = 0; index < 100; index += 1) {
    one.qemu().print(Buffer.alloc(64 * 1024, '\x1b['));
    await new Promise(setImmediate);
  }
  one.qemu().print('\nthe end');
  while (!vm.consoleTail().endsWith('the end')) await new Promise((r) => setTimeout(r, 5));
  assert.ok(vm.consoleTail().length <= 16 * 1024);
  await vm.stop({ graceMs: 1000 });
});

test('a QEMU that drops its connection or talks nonsense is killed: it cannot be commanded any more', async () => {
  const dropped = world();
  const vm = await dropped.start();
  dropped.qemu().dropQmp();
  const exit = await vm.exited;
  assert.deepEqual([exit.kind, exit.reason], ['killed', 'the connection to QEMU was lost']);
  await vm.stop({ graceMs: 1000 });
  await nothingLeft(dropped);

  const mad = world({ answers: { stop: 'x'.repeat(2 * 1024 * 1024) } });
  const other = await mad.start();
  const error = await errorOf(other.pause());
  assert.equal(error.code, 'unavailable');
  assert.match((await other.exited).reason, /the connection to QEMU was lost: .*1048576 bytes/);
  await other.stop({ graceMs: 1000 });
});

test('a QEMU that does not quit is killed after the grace', async () => {
  const one = world({ ignoresQuit: true });
  const vm = await one.start();
  await vm.stop({ graceMs: 20 });
  const { kind, reason } = await vm.exited;
  assert.deepEqual([kind, reason], ['killed', 'QEMU did not end within 20 ms and was killed']);
  await nothingLeft(one);
});

test('two stops at once are one', async () => {
  const one = world();
  const vm = await one.start();
  await Promise.all([vm.stop({ graceMs: 1000 }), vm.stop({ graceMs: 1000 })]);
  assert.equal((await vm.exited).kind, 'stopped');
  await nothingLeft(one);
});

test('a panic is known by the guest’s reset and the console’s text', async () => {
  const one = world();
  const vm = await one.start();
  one.qemu().print('Kernel panic - not syncing: out of \x07coffee\r\n');
  one.qemu().event('SHUTDOWN', { guest: true, reason: 'guest-reset' });
  one.qemu().end({ code: 0, signal: null });
  const exit = await vm.exited;
  assert.equal(exit.kind, 'panicked');
  assert.equal(exit.reason, "the guest's kernel panicked: out of \\x07coffee");
  assert.equal(exit.consoleTail, 'Kernel panic - not syncing: out of \\x07coffee\n');
  await vm.stop({ graceMs: 1000 });
});

const cpuSlot = (core: number) => ({
  type: 'max-x86_64-cpu',
  props: { 'socket-id': 0, 'core-id': core, 'thread-id': 0 },
});
const cpuSlots = { 'query-hotpluggable-cpus': [cpuSlot(2), cpuSlot(1)] };

test('growing adds processors in order and one memory module', async () => {
  const one = world({ answers: cpuSlots });
  const vm = await one.start();
  await Promise.all([vm.grow({ cpus: 3, memoryMiB: 600 }), vm.grow({ cpus: 2, memoryMiB: 512 })]);
  assert.deepEqual(vm.size, { cpus: 3, memoryMiB: 640 });
  assert.deepEqual(one.bounds, [640]);
  const sent = one.qemu().commands.filter(({ name }) => /add/.test(name));
  assert.deepEqual(
    sent.map((command) => command.arguments),
    [
      {
        'qom-type': 'memory-backend-ram',
        id: 'memory1',
        size: 128 * 1024 * 1024,
        merge: false,
        dump: false,
      },
      { driver: 'max-x86_64-cpu', id: 'cpu2', ...cpuSlot(1).props },
      { driver: 'max-x86_64-cpu', id: 'cpu3', ...cpuSlot(2).props },
      { driver: 'pc-dimm', id: 'dimm4', memdev: 'memory1' },
    ],
  );
  for (const beyond of [
    { cpus: 5, memoryMiB: 512 },
    { cpus: 1, memoryMiB: 4096 },
    { cpus: Number.NaN, memoryMiB: 512 },
  ]) {
    assert.equal((await errorOf(vm.grow(beyond))).code, 'invalid-argument');
  }
  await vm.stop({ graceMs: 1000 });
});

test('what was added before a step failed is taken out again', async () => {
  let pluggedCpus = 0;
  const one = world({
    answers: { 'query-hotpluggable-cpus': [cpuSlot(1)] },
    refuses: { 'device_add pc-dimm': 'no slot' },
    onCommand: (command) => {
      if (command === 'device_add max-x86_64-cpu') pluggedCpus += 1;
      if (command !== 'device_del') return;
      pluggedCpus -= 1;
      setImmediate(() => one.qemu().event('DEVICE_DELETED', { device: 'cpu2' }));
    },
  });
  const vm = await one.start();
  await assert.rejects(vm.grow({ cpus: 2, memoryMiB: 1024 }), /device_add: no slot/);
  assert.deepEqual(vm.size, { cpus: 1, memoryMiB: 512 });
  assert.equal(pluggedCpus, 0);
  assert.deepEqual(one.bounds, [1024, 512]);
  const undone = one.qemu().commands.filter(({ name }) => /del/.test(name));
  assert.deepEqual(
    undone.map(({ name, arguments: of }) => [name, of]),
    [
      ['device_del', { id: 'cpu2' }],
      ['object-del', { id: 'memory1' }],
    ],
  );
  await assert.rejects(vm.grow({ cpus: 3, memoryMiB: 512 }), /QEMU offers 1 processors, 2 are/);
  await vm.stop({ graceMs: 1000 });
});

test('what the guest does not give back still counts, and the error says so', async () => {
  const one = world({
    answers: { 'query-hotpluggable-cpus': [cpuSlot(1)] },
    refuses: { 'device_add pc-dimm': 'no slot', device_del: 'the guest is busy' },
  });
  const vm = await one.start();
  const error = await errorOf(vm.grow({ cpus: 2, memoryMiB: 1024 }));
  assert.match(String(error.details['failedCleanups']), /unplug cpu2: .*the guest is busy/);
  assert.deepEqual(vm.size, { cpus: 2, memoryMiB: 512 });
  await vm.stop({ graceMs: 1000 });
});

test('a traced start tells its steps, how long QEMU took to answer, and how long the machine ran', async () => {
  const trace = createTrace();
  const { start, qemu } = world();
  const vm = await trace.run(() => start());
  const names = (lane: string) => trace.spans.filter((span) => span.lane === lane);
  const find = (name: string) => trace.spans.find((span) => span.name === name);
  assert.deepEqual(
    names('qemu').map(({ name }) => name),
    ['start', 'run'],
  );
  for (const step of ['accelerator', 'cgroups', 'jail', 'qmp', 'seal', 'cont']) {
    assert.equal(find(step)?.lane, 'host', step);
  }
  assert.ok((find('start')?.endMs ?? 0) <= (find('seal')?.beginMs ?? 0));
  assert.ok((find('run')?.beginMs ?? 0) >= (find('cont')?.endMs ?? 0));
  qemu().end({ code: 0, signal: null });
  await vm.exited;
  const ended = find('run')?.endMs;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(find('run')?.endMs, ended, 'it ended with QEMU');
});

test('what is described is what is started, and describing makes nothing', async () => {
  const { start, specs, hypervisor } = world();
  const before = await readdir(directory);
  const { argv, jail, accelerator } = await hypervisor.describe(plan());
  assert.deepEqual([specs.length, await readdir(directory)], [0, before]);
  assert.deepEqual(accelerator, { kind: 'tcg', reason: 'emulation was asked for' });
  const vm = await start();
  const spec = specs[0] ?? assert.fail();
  assert.deepEqual(argv, spec.argv);
  assert.deepEqual(jail.exports, spec.exports);
  assert.deepEqual(jail.writableBinds, spec.writablePaths);
  assert.equal(jail.workingDirectory, spec.cwd);
  assert.deepEqual(vm.accelerator, accelerator);
  await vm.stop({ graceMs: 1000 });
});
