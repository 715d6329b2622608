// Turns a VM's plan into QEMU's arguments; pure.
import type { Accelerator, VmPlan } from '../hypervisor.js';
import { type OptionValues, option, plainArgument } from './option.js';
import {
  agentPortName,
  bootMemoryId,
  memorySlots,
  rootPorts,
  socketNames,
  vmDirectoryName,
} from './vm-shape.js';

export interface CommandLineOptions {
  readonly plan: VmPlan;
  readonly accelerator: Accelerator['kind'];
  /** QEMU's program, absolute or found in PATH. */
  readonly program: string;
  /** The VM's name, by which leftovers are found. */
  readonly name: string;
}

/**
 * A cold VM in the shape of a clone: nothing of the pod but its name and its shares' directories is in it,
 * identity and sizes come after the agent answers.
 */
export function toCommandLine(options: CommandLineOptions): readonly string[] {
  const { plan, accelerator } = options;
  return [
    plainArgument(options.program),
    ...['-name', option(options.name)],
    ...machine(accelerator),
    ...memoryAndCpus(plan),
    ...firstInstructions(plan),
    ...chardevs(),
    ...devices(plan),
  ];
}

/** QEMU's working directory: its sockets lie here. */
export function vmDirectory(plan: { readonly runDirectory: string }): string {
  return `${plan.runDirectory}/${vmDirectoryName}`;
}

function machine(accelerator: Accelerator['kind']): string[] {
  return [
    '-nodefaults',
    '-no-user-config',
    ...['-display', 'none'],
    // Stopped until the console is connected: no byte of the boot is lost.
    '-S',
    // A panicked guest resets itself; that ends the VM.
    '-no-reboot',
    ...['-sandbox', option('on', sandbox)],
    ...[
      '-machine',
      option('q35', { ...board, ...(accelerator === 'kvm' ? { kernel_irqchip: true } : {}) }),
    ],
    ...['-accel', accelerator === 'kvm' ? option('kvm') : option('tcg', translation)],
    ...['-cpu', accelerator === 'kvm' ? option('host') : option('max', emulatedCpu)],
  ];
}

/** Everything that QEMU can deny itself once it runs. */
const sandbox = {
  obsolete: 'deny',
  elevateprivileges: 'deny',
  spawn: 'deny',
  resourcecontrol: 'deny',
} as const;

/** A q35 board without what no guest of ours uses: less to start, less to attack. */
const board = {
  'memory-backend': bootMemoryId,
  vmport: false,
  hpet: false,
  sata: false,
  smbus: false,
  usb: false,
  smm: false,
  i8042: false,
} as const;

/** Translated code is kept in memory of the host: bounded, in MiB; a boot and its agent fill two thirds of it, a clone begins without any. */
const translation = { thread: 'multi', 'tb-size': 128 } as const;

/**
 * Five-level page tables make each emulated table walk longer for nothing. Without fast strings (ERMS) Linux and glibc
 * move eight bytes at a time instead of one, and each is a step of the emulation: a tenth of a boot. Without SMAP the kernel
 * does not switch it off and on around each look into a process, where each switch ends a block of translated code: a sixteenth of a
 * clone's start.
 */
const emulatedCpu = { la57: false, erms: false, smap: false } as const;

function memoryAndCpus(plan: VmPlan): string[] {
  const grows = plan.maxMemoryMiB > plan.bootMemoryMiB;
  // The root image takes addresses of those for memory that is added.
  const addressesMiB = plan.maxMemoryMiB + Math.ceil(plan.image.rootImageBytes / (1024 * 1024));
  return [
    ...['-object', bootMemory(plan)],
    ...[
      '-m',
      option(`${plan.bootMemoryMiB}M`, {
        ...(grows ? { slots: memorySlots } : {}),
        maxmem: `${addressesMiB}M`,
      }),
    ],
    ...[
      '-smp',
      option(String(plan.bootCpus), {
        maxcpus: plan.maxCpus,
        sockets: 1,
        cores: plan.maxCpus,
        threads: 1,
      }),
    ],
  ];
}

function bootMemory({ origin, bootMemoryMiB }: VmPlan): string {
  const values = {
    id: bootMemoryId,
    size: `${bootMemoryMiB}M`,
    // Pages merged with other VMs' would tell them what this one holds; a core dump would tell the host.
    merge: false,
    dump: false,
  };
  if (origin.kind === 'boot') return option('memory-backend-ram', values);
  const isTemplate = origin.kind === 'template';
  const file = isTemplate ? origin.memory : origin.template.memory;
  // A clone's own writes go to pages of its own.
  return option('memory-backend-file', { ...values, 'mem-path': file, share: isTemplate });
}

/** A clone goes on where its template stood; the state comes when it is asked for. */
function firstInstructions(plan: VmPlan): string[] {
  const { image, origin } = plan;
  if (origin.kind === 'clone') return ['-incoming', 'defer'];
  return [
    ...['-kernel', plainArgument(image.kernel)],
    ...['-initrd', plainArgument(image.initrd)],
    ...['-append', plainArgument(kernelParameters(image.kernelParameters))],
  ];
}

/** What follows from this machine, where the image does not say otherwise. */
const machineParameters = [
  'console=ttyS0',
  // Room for memory above 4 GiB makes Linux set 64 MiB of bounce buffers aside, which virtio does not need.
  'swiotlb=noforce',
];

function kernelParameters(parameters: readonly string[]): string {
  const named = new Set(parameters.map((parameter) => parameter.replace(/=.*/s, '')));
  const added = machineParameters.filter((parameter) => !named.has(parameter.replace(/=.*/, '')));
  return [...added, ...parameters].join(' ');
}

/** Each is a listening socket, so that a later owner can connect where an earlier one died. */
function chardevs(): string[] {
  return Object.entries(socketNames).flatMap(([id, path]) => [
    '-chardev',
    option('socket', { id, path, server: true, wait: false }),
  ]);
}

/** A device of virtio 1.0 alone: without the legacy interface's ports. */
function virtio(driver: string, values: OptionValues): string[] {
  return ['-device', option(driver, { ...values, 'disable-legacy': true })];
}

function devices(plan: VmPlan): string[] {
  return [
    ...['-mon', option(null, { chardev: 'qmp', mode: 'control' })],
    ...['-device', option('isa-serial', { chardev: 'console' })],
    ...virtio('virtio-serial-pci', { id: 'serial', max_ports: 2 }),
    ...[
      '-device',
      option('virtserialport', { bus: 'serial.0', nr: 1, chardev: 'agent', name: agentPortName }),
    ],
    ...rootDisk(plan),
    ...plan.shares.flatMap((share, index) => [
      '-fsdev',
      option('local', {
        id: `share${index}`,
        path: share.directory,
        // `mapped-…` breaks the native symbolic links of an ordinary tree.
        security_model: 'none',
        // An export holds mounts of several file systems, whose inode numbers overlap.
        multidevs: 'remap',
        ...(share.readOnly ? { readonly: true } : {}),
      }),
      ...virtio('virtio-9p-pci', { fsdev: `share${index}`, mount_tag: share.tag }),
    ]),
    ...['-object', option('rng-builtin', { id: 'rng' })],
    ...virtio('virtio-rng-pci', { rng: 'rng' }),
    ...virtio('virtio-balloon-pci', { 'free-page-reporting': true, 'deflate-on-oom': true }),
    ...Array.from({ length: rootPorts }, (_, index) => [
      '-device',
      option('pcie-root-port', { id: `port${index}`, chassis: index + 1, slot: index + 1 }),
    ]).flat(),
  ];
}

/**
 * The guest's root, in its address space: all VMs use the host's one copy. Read-only for QEMU, which drops what a guest
 * writes, so no guest can change what the next one boots (CVE-2020-2025).
 */
function rootDisk({ image }: VmPlan): string[] {
  return [
    ...[
      '-object',
      option('memory-backend-file', {
        id: 'root',
        'mem-path': image.rootImage,
        size: image.rootImageBytes,
        share: true,
        readonly: true,
      }),
    ],
    ...virtio('virtio-pmem-pci', { memdev: 'root' }),
  ];
}
