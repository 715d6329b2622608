// The floors of a VM: our QEMU and kernel, with nothing of ours around or in it.
import { execFile, type SpawnOptions } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { writeCpio } from '../../guest-image/cpio.js';
import { waitFor } from '../../src/base/deadline.js';
import { spawnInJail } from '../../src/base/namespaces/jail.js';
import type { VmOrigin, VmPlan } from '../../src/host/hypervisor/hypervisor.js';
import { vmDirectory } from '../../src/host/hypervisor/qemu/command-line.js';
import { dialWhenThere } from '../../src/host/hypervisor/qemu/dial.js';
import { QemuHypervisor } from '../../src/host/hypervisor/qemu/qemu-hypervisor.js';
import { QmpClient } from '../../src/host/hypervisor/qemu/qmp-client.js';
import { toJailSpec } from '../../src/host/hypervisor/qemu/start-vm.js';
import { socketNames } from '../../src/host/hypervisor/qemu/vm-shape.js';
import { openGuestImage } from '../../src/host/images/guest-image.js';
import { bootSize, maxSize } from '../../src/pod/plan/plan-size.js';
import { checkout, exitOf, type Ground } from './ground.js';

/** A plan and QEMU's arguments as a pod's VM has them, in a directory of its own. */
export interface RawVm {
  readonly plan: VmPlan;
  readonly argv: readonly string[];
  readonly accelerator: 'kvm' | 'tcg';
}

export interface RawVmOptions {
  /** Replaces the image's. */
  readonly initrd?: string;
  /** Default: it boots. */
  readonly origin?: VmOrigin;
}

export async function planRawVm(
  ground: Ground,
  { initrd, origin = { kind: 'boot' } }: RawVmOptions = {},
): Promise<RawVm> {
  const image = await openGuestImage({ libRoot: ground.libRoot });
  const runDirectory = path.join(ground.scratch, 'raw');
  const share = path.join(runDirectory, 'share');
  mkdirSync(share, { recursive: true });
  const plan: VmPlan = {
    podId: 'raw',
    runDirectory,
    image: initrd === undefined ? image : { ...image, initrd },
    shares: ['virtc-ro', 'virtc-rw'].map((tag) => ({ tag, directory: share, readOnly: false })),
    accelerator: 'auto',
    origin,
    bootMemoryMiB: bootSize.memoryMiB,
    bootCpus: bootSize.cpus,
    maxMemoryMiB: maxSize.memoryMiB,
    maxCpus: maxSize.cpus,
  };
  const hypervisor = new QemuHypervisor({
    runRoot: ground.runRoot,
    logRoot: null,
    cacheDirectory: path.join(ground.runRoot, 'cache'),
  });
  const { argv, accelerator } = await hypervisor.describe(plan);
  return { plan, argv, accelerator: accelerator.kind };
}

/** The image's initramfs, whose first program is replaced by one that loads the modules, prints a line and answers. */
export async function makeFloorInitrd(ground: Ground): Promise<string> {
  const program = path.join(ground.scratch, 'floor-init');
  const source = path.join(checkout, 'test/bench/floor-init.c');
  await promisify(execFile)('gcc', ['-static', '-Os', '-s', '-o', program, source]);
  const { initrd } = await openGuestImage({ libRoot: ground.libRoot });
  // The kernel unpacks archives one after another: the later file wins.
  const init = {
    kind: 'file',
    name: 'init',
    data: readFileSync(program),
    executable: true,
  } as const;
  const file = path.join(ground.scratch, 'floor.cpio');
  writeFileSync(file, Buffer.concat([readFileSync(initrd), writeCpio([init])]));
  return file;
}

/** From QEMU's start to the first line of the guest's first program, in milliseconds. */
export async function bootRaw(ground: Ground, vm: RawVm): Promise<number> {
  return await withBareQemu(ground, vm, async ({ begin, qmp, dial }) => {
    const printed = untilFloor(ground, await dial('console'));
    await qmp.execute('cont');
    await printed;
    return performance.now() - begin;
  });
}

/** Waits for the line of the guest's first program. */
export async function untilFloor(ground: Ground, console: Socket): Promise<void> {
  const printed = new Promise<void>((resolve, reject) => {
    let seen = '';
    console.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1');
      if (seen.includes('floor')) resolve();
    });
    console.on('close', () => reject(new Error(`the raw guest ended: ${seen}`)));
  });
  const what = 'cannot boot the raw guest';
  await waitFor(printed, { what, timeoutMs: 60_000, signal: ground.signal });
}

/** From QEMU's start to its answer on QMP, in milliseconds. */
export async function bareToQmp(ground: Ground, vm: RawVm): Promise<number> {
  return await withBareQemu(ground, vm, async ({ qmpMs }) => qmpMs);
}

export interface BareQemu {
  readonly begin: number;
  readonly qmpMs: number;
  readonly qmp: QmpClient;
  readonly dial: (name: keyof typeof socketNames) => ReturnType<typeof dialWhenThere>;
}

/** Runs QEMU as it would be in a jail, without one. */
export async function withBareQemu<T>(
  ground: Ground,
  { plan, argv }: RawVm,
  action: (qemu: BareQemu) => Promise<T>,
  options: SpawnOptions = {},
): Promise<T> {
  const cwd = freshDirectory(plan);
  const begin = performance.now();
  const [program = '', ...args] = argv;
  const child = ground.start(program, args, { cwd, stdio: 'ignore', ...options });
  const ended = exitOf(child, ground.signal);
  try {
    const { qmp, dial } = await connect(ground, plan);
    return await action({ begin, qmpMs: performance.now() - begin, qmp, dial });
  } finally {
    child.kill('SIGKILL');
    await ended.catch(() => {});
  }
}

/** The same in the jail that a pod's QEMU gets. */
export async function jailedToQmp(ground: Ground, vm: RawVm): Promise<number> {
  freshDirectory(vm.plan);
  const begin = performance.now();
  const jailed = await spawnInJail(toJailSpec(vm.plan, vm.argv, vm.accelerator));
  jailed.stderr.resume();
  try {
    await connect(ground, vm.plan);
    return performance.now() - begin;
  } finally {
    jailed.kill('SIGKILL');
    await jailed.exited;
  }
}

async function connect(ground: Ground, plan: VmPlan): Promise<Pick<BareQemu, 'qmp' | 'dial'>> {
  const signal = AbortSignal.any([ground.signal, AbortSignal.timeout(30_000)]);
  const dial = (name: keyof typeof socketNames): ReturnType<typeof dialWhenThere> =>
    dialWhenThere(path.join(vmDirectory(plan), socketNames[name]), { what: 'cannot dial', signal });
  return { qmp: await QmpClient.connect(await dial('qmp'), { signal }), dial };
}

function freshDirectory(plan: VmPlan): string {
  const directory = vmDirectory(plan);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}
