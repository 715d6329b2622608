// Tests of real QEMUs in their jail, with a kernel of a few bytes instead of a guest image.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isVirtcontainersError } from '../../../base/errors.js';
import { silentLogger } from '../../../base/log.js';
import { readLog } from '../../../testing/read-log.js';
import { type TinyKernelEnd, tinyKernel } from '../../../testing/tiny-kernel.js';
import type { Vm, VmPlan, VmTemplate } from '../hypervisor.js';
import { hypervisorSuite } from '../hypervisor.suite.js';
import { QemuHypervisor } from './qemu-hypervisor.js';

/** A directory with pods' directories, and a hypervisor over it. */
class QemuWorld {
  readonly directory: string;
  readonly hypervisor: QemuHypervisor;
  readonly #started: Vm[] = [];
  #lastPod = 0;

  constructor(directory: string) {
    this.directory = directory;
    this.hypervisor = new QemuHypervisor({
      runRoot: directory,
      logRoot: path.join(directory, 'logs'),
      cacheDirectory: null,
    });
  }

  static async create(): Promise<QemuWorld> {
    return new QemuWorld(await mkdtemp(path.join(tmpdir(), 'virtc-qemu-')));
  }

  /** A plan whose guest prints `text`; `name` is part of every path. */
  async plan(text = 'hello', end: TinyKernelEnd = 'halt', name = 'pod'): Promise<VmPlan> {
    this.#lastPod += 1;
    const podId = `p${this.#lastPod}`;
    const runDirectory = path.join(this.directory, `${name}-${podId}`);
    const image = path.join(runDirectory, `image ${name}`);
    const share = path.join(runDirectory, 'share', name);
    await mkdir(image, { recursive: true });
    await mkdir(share, { recursive: true });
    await writeFile(path.join(image, 'kernel'), tinyKernel(text, end));
    for (const file of ['initrd', 'root']) {
      await writeFile(path.join(image, file), Buffer.alloc(64 * 1024));
    }
    return {
      podId,
      runDirectory,
      image: {
        id: 'image',
        directory: image,
        kernel: path.join(image, 'kernel'),
        initrd: path.join(image, 'initrd'),
        rootImage: path.join(image, 'root'),
        rootImageBytes: 64 * 1024,
        memoryPreload: path.join(image, 'preload'),
        kernelParameters: [],
      },
      shares: [
        { tag: 'virtc-ro', directory: share, readOnly: true },
        { tag: 'virtc-rw', directory: share, readOnly: false },
      ],
      accelerator: 'tcg',
      origin: { kind: 'boot' },
      bootMemoryMiB: 256,
      bootCpus: 1,
      maxMemoryMiB: 2048,
      maxCpus: 4,
    };
  }

  async start(plan: VmPlan): Promise<Vm> {
    const vm = await this.hypervisor.start(plan, { log: silentLogger, onHandle: async () => {} });
    this.#started.push(vm);
    return vm;
  }

  templateOf({ runDirectory }: VmPlan): VmTemplate {
    return { memory: path.join(runDirectory, 'memory'), state: path.join(runDirectory, 'state') };
  }

  async isSaved(_vm: Vm, stateFile: string): Promise<boolean> {
    const file = await stat(stateFile).catch(() => null);
    return file !== null && file.size > 10_000 && (file.mode & 0o777) === 0o600;
  }

  async kill(vm: Vm): Promise<void> {
    process.kill(vm.handle.process.pid, 'SIGKILL');
  }

  async close(): Promise<void> {
    // What a test that failed has left.
    for (const vm of this.#started) await vm.stop({ graceMs: 5000 });
    await rm(this.directory, { recursive: true, force: true });
  }
}

hypervisorSuite('QEMU', () => QemuWorld.create());

describe('a real QEMU', { timeout: 60_000 }, () => {
  let world: QemuWorld;
  before(async () => {
    world = await QemuWorld.create();
  });
  after(() => world.close());

  async function consoleSays(vm: Vm, text: string): Promise<void> {
    while (!vm.consoleTail().includes(text)) await new Promise((r) => setTimeout(r, 10));
  }

  test('no byte of the console is lost, on disk either', async () => {
    const plan = await world.plan('hello \x1b[2J\r\nthe end\r\n');
    const vm = await world.start(plan);
    await consoleSays(vm, 'the end');
    await vm.stop({ graceMs: 5000 });
    assert.match(vm.consoleTail(), /hello \\x1b\[2J\nthe end\n$/);
    const directory = path.join(world.directory, 'logs', plan.podId);
    const records = await readLog(directory, 'console');
    const logged = Buffer.concat(records.map((record) => record.bytes)).toString();
    assert.ok(logged.endsWith('hello \x1b[2J\r\nthe end\r\n'));
  });

  test('a kernel panic is told with its text and the console’s last lines', async () => {
    const panic = 'Kernel panic - not syncing: no init\r\n---[ end ]---\r\n';
    const vm = await world.start(await world.plan(panic, 'reset'));
    const exit = await vm.exited;
    assert.deepEqual(
      [exit.kind, exit.reason],
      ['panicked', "the guest's kernel panicked: no init"],
    );
    assert.match(exit.consoleTail, /no init\n---\[ end \]---\n$/);
    await vm.stop({ graceMs: 5000 });
  });

  test('a guest that resets itself ends its VM', async () => {
    const vm = await world.start(await world.plan('bye', 'reset'));
    assert.deepEqual((await vm.exited).reason, 'the guest reset itself');
    await vm.stop({ graceMs: 5000 });
  });

  test('a guest that floods its console leaves the VM commandable and the tail bounded', async () => {
    const vm = await world.start(await world.plan('flood \x1b]0;x\x07', 'repeat'));
    await consoleSays(vm, 'x\\x07flood');
    await vm.pause();
    await vm.resume();
    assert.ok(vm.consoleTail().length <= 16 * 1024);
    await vm.stop({ graceMs: 5000 });
    assert.equal((await vm.exited).kind, 'stopped');
  });

  test('memory and processors that QEMU confirms are added', async () => {
    const vm = await world.start(await world.plan());
    await vm.grow({ cpus: 4, memoryMiB: 1000 });
    await vm.grow({ cpus: 4, memoryMiB: 2048 });
    assert.deepEqual(vm.size, { cpus: 4, memoryMiB: 2048 });
    await assert.rejects(vm.grow({ cpus: 5, memoryMiB: 2048 }), { code: 'invalid-argument' });
    await vm.stop({ graceMs: 5000 });
  });

  test('a QEMU that is stopped by a signal is still ended, by force', async () => {
    const vm = await world.start(await world.plan());
    process.kill(vm.handle.process.pid, 'SIGSTOP');
    await vm.stop({ graceMs: 50 });
    assert.equal((await vm.exited).kind, 'killed');
  });

  test('QEMU has no privilege on the host, a sandbox, and an environment of its own', async () => {
    const vm = await world.start(await world.plan());
    const { pid } = vm.handle.process;
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    assert.doesNotMatch(status, /^Uid:.*\t0(\t|$)/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.equal(await readFile(`/proc/${pid}/environ`, 'utf8'), 'PATH=/usr/bin:/bin\0');
    await vm.stop({ graceMs: 5000 });
  });

  test('paths may hold commas, blanks, quotes and line ends, and be longer than a socket’s name', async () => {
    const name = `a,readonly=off ,, "b" \n=c ${'x'.repeat(100)}`;
    const plan = await world.plan('hello', 'halt', name);
    const vm = await world.start(plan);
    await consoleSays(vm, 'hello');
    (await vm.dialAgent()).destroy();
    await vm.stop({ graceMs: 5000 });
    assert.deepEqual((await readdir(plan.runDirectory)).includes('vm'), false);
  });

  test('a damaged kernel is told in QEMU’s words, and nothing is left', async () => {
    const plan = await world.plan();
    await writeFile(plan.image.kernel, 'no kernel');
    await assert.rejects(world.start(plan), (error) => {
      assert.ok(isVirtcontainersError(error));
      assert.equal(error.code, 'unavailable');
      assert.match(error.message, /cannot start VM p\d+: QEMU ended with code 1: .*kernel/);
      assert.match(String(error.details['stderrTail']), /kernel/);
      assert.match(String(error.details['qemuVersion']), /^\d+\.\d+/);
      return true;
    });
    assert.deepEqual(await world.hypervisor.findLeftovers(plan.podId), []);
  });

  test('a missing QEMU is told with what to do', async () => {
    const hypervisor = new QemuHypervisor({
      runRoot: world.directory,
      logRoot: null,
      cacheDirectory: null,
      program: '/usr/bin/no-such-qemu',
    });
    const plan = await world.plan();
    const options = { log: silentLogger, onHandle: async () => {} };
    await assert.rejects(hypervisor.start(plan, options), {
      code: 'not-found',
      hint: /qemu-system-x86/,
    });
    assert.deepEqual(await hypervisor.findLeftovers(plan.podId), []);
  });

  test('a QEMU that may not be executed is told with what to do, and a missing image without it', async () => {
    // A file that the jail sees and nobody may execute.
    const program = '/usr/lib/os-release';
    const options = { runRoot: world.directory, logRoot: null, cacheDirectory: null };
    const start = { log: silentLogger, onHandle: async () => {} };
    const plan = await world.plan();
    const locked = new QemuHypervisor({ ...options, program });
    await assert.rejects(locked.start(plan, start), {
      code: 'unavailable',
      message: /^cannot start VM p\d+: cannot start .*os-release in its jail: EACCES/,
      hint: /qemu-system-x86/,
    });
    await rm(plan.image.directory, { recursive: true });
    await assert.rejects(new QemuHypervisor(options).start(plan, start), {
      code: 'not-found',
      message: /^cannot start VM p\d+: cannot bind .*image pod into the jail: it does not exist$/,
      hint: undefined,
    });
    assert.deepEqual(await world.hypervisor.findLeftovers(plan.podId), []);
  });

  test('a pod of the same id in another runtime is not taken for ours', async () => {
    const plan = await world.plan();
    const vm = await world.start(plan);
    const other = new QemuHypervisor({
      runRoot: path.join(world.directory, 'other'),
      logRoot: null,
      cacheDirectory: null,
    });
    assert.deepEqual(await other.findLeftovers(plan.podId), []);
    await vm.stop({ graceMs: 5000 });
  });
});

test('a probe that could not be carried out is tried again by the next VM', async () => {
  const answers = [() => Promise.reject(new Error('no space')), async () => null];
  const yes = async (): Promise<string | null> => null;
  const kvm = {
    cpuHasVirtualization: yes,
    deviceOpens: yes,
    guestRuns: async () => (await answers.shift()?.()) ?? null,
  };
  const hypervisor = new QemuHypervisor({
    runRoot: '/run/x',
    logRoot: null,
    cacheDirectory: null,
    parts: { kvm },
  });
  await assert.rejects(hypervisor.accelerator('auto'), /no space/);
  assert.equal((await hypervisor.accelerator('auto')).kind, 'kvm');
});

test('describing uses what a probe has said and keeps nothing of one of its own', async () => {
  const probes: unknown[] = [];
  const yes = async (): Promise<string | null> => null;
  const hypervisor = new QemuHypervisor({
    runRoot: '/run/x',
    logRoot: null,
    cacheDirectory: null,
    parts: {
      kvm: {
        cpuHasVirtualization: yes,
        deviceOpens: yes,
        guestRuns: async (options) => {
          probes.push(options?.remember ?? true);
          return null;
        },
      },
      isolation: async () => ({ userNamespace: true, idmappedBinds: true }),
    },
  });
  const plan: VmPlan = {
    podId: 'p',
    runDirectory: '/run/x/p',
    image: {
      id: 'image',
      directory: '/i',
      kernel: '/i/k',
      initrd: '/i/i',
      rootImage: '/i/r',
      rootImageBytes: 128 * 1024 * 1024,
      memoryPreload: '/i/p',
      kernelParameters: [],
    },
    shares: [],
    accelerator: 'auto',
    origin: { kind: 'boot' },
    bootMemoryMiB: 512,
    bootCpus: 1,
    maxMemoryMiB: 512,
    maxCpus: 1,
  };
  const described = await hypervisor.describe(plan);
  assert.equal(described.accelerator.kind, 'kvm');
  assert.ok(described.argv.includes('kvm'));
  assert.deepEqual(described.jail.devices, ['/dev/null', '/dev/urandom', '/dev/kvm']);
  assert.deepEqual(probes, [false]);
  await hypervisor.accelerator('auto');
  assert.deepEqual(probes, [false, true]);
  await hypervisor.describe(plan);
  assert.deepEqual(probes, [false, true]);
});
