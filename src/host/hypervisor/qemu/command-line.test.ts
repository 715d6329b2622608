// Tests of the command line: the devices as reviewed, and no value that becomes an option.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VmPlan } from '../hypervisor.js';
import { toCommandLine } from './command-line.js';
import { option } from './option.js';

const plan: VmPlan = {
  podId: 'pod',
  runDirectory: '/run/pod',
  image: {
    id: 'image',
    directory: '/image',
    kernel: '/image/vmlinux',
    initrd: '/image/initrd',
    rootImage: '/image/root',
    rootImageBytes: 128 * 1024 * 1024,
    memoryPreload: '/image/preload',
    kernelParameters: ['quiet', 'panic=-1'],
  },
  shares: [
    { tag: 'virtc-ro', directory: '/run/pod/share/ro', readOnly: true },
    { tag: 'virtc-rw', directory: '/run/pod/share/rw', readOnly: false },
  ],
  accelerator: 'auto',
  origin: { kind: 'boot' },
  bootMemoryMiB: 512,
  bootCpus: 1,
  maxMemoryMiB: 8192,
  maxCpus: 4,
};

function build(change: Partial<VmPlan> = {}, accelerator: 'kvm' | 'tcg' = 'tcg') {
  const program = '/usr/bin/qemu-system-x86_64';
  return toCommandLine({ plan: { ...plan, ...change }, accelerator, program, name: 'virtc-pod' });
}

/** The values of an option, in order. */
function values(argv: readonly string[], name: string): readonly string[] {
  return argv.filter((_, index) => argv[index - 1] === name);
}

test('these are all the devices: each more needs a review of what a guest can attack', () => {
  assert.deepEqual(values(build(), '-device'), [
    'isa-serial,chardev=console',
    'virtio-serial-pci,id=serial,max_ports=2,disable-legacy=on',
    'virtserialport,bus=serial.0,nr=1,chardev=agent,name=virtc.agent.0',
    'virtio-pmem-pci,memdev=root,disable-legacy=on',
    'virtio-9p-pci,fsdev=share0,mount_tag=virtc-ro,disable-legacy=on',
    'virtio-9p-pci,fsdev=share1,mount_tag=virtc-rw,disable-legacy=on',
    'virtio-rng-pci,rng=rng,disable-legacy=on',
    'virtio-balloon-pci,free-page-reporting=on,deflate-on-oom=on,disable-legacy=on',
    'pcie-root-port,id=port0,chassis=1,slot=1',
    'pcie-root-port,id=port1,chassis=2,slot=2',
    'pcie-root-port,id=port2,chassis=3,slot=3',
    'pcie-root-port,id=port3,chassis=4,slot=4',
  ]);
});

test('everything but the devices', () => {
  const argv = build();
  assert.deepEqual(argv.slice(0, argv.indexOf('-chardev')), [
    '/usr/bin/qemu-system-x86_64',
    ...['-name', 'virtc-pod', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-S', '-no-reboot', '-sandbox'],
    'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    '-machine',
    'q35,memory-backend=m0,vmport=off,hpet=off,sata=off,smbus=off,usb=off,smm=off,i8042=off',
    ...['-accel', 'tcg,thread=multi,tb-size=128', '-cpu', 'max,la57=off,erms=off,smap=off'],
    ...['-object', 'memory-backend-ram,id=m0,size=512M,merge=off,dump=off'],
    ...['-m', '512M,slots=16,maxmem=8320M'],
    ...['-smp', '1,maxcpus=4,sockets=1,cores=4,threads=1'],
    ...['-kernel', '/image/vmlinux', '-initrd', '/image/initrd'],
    ...['-append', 'console=ttyS0 swiotlb=noforce quiet panic=-1'],
  ]);
  assert.deepEqual(values(argv, '-chardev'), [
    'socket,id=qmp,path=qmp.sock,server=on,wait=off',
    'socket,id=agent,path=agent.sock,server=on,wait=off',
    'socket,id=console,path=console.sock,server=on,wait=off',
  ]);
  assert.deepEqual(values(argv, '-fsdev'), [
    'local,id=share0,path=/run/pod/share/ro,security_model=none,multidevs=remap,readonly=on',
    'local,id=share1,path=/run/pod/share/rw,security_model=none,multidevs=remap',
  ]);
});

const template = { memory: '/t,x/memory', state: '/t,x/state' };
const memoryOf = (argv: readonly string[]): string | undefined =>
  values(argv, '-object').find((object) => object.includes('id=m0'));

test('a template’s memory is a file that it writes, and a clone’s the same file with writes of its own', () => {
  const asTemplate = build({ origin: { kind: 'template', memory: template.memory } });
  assert.equal(
    memoryOf(asTemplate),
    'memory-backend-file,id=m0,size=512M,merge=off,dump=off,mem-path=/t,,x/memory,share=on',
  );
  assert.equal(
    memoryOf(build({ origin: { kind: 'clone', template } })),
    'memory-backend-file,id=m0,size=512M,merge=off,dump=off,mem-path=/t,,x/memory,share=off',
  );
});

test('but for its memory a template is started as any VM', () => {
  const asTemplate = build({ origin: { kind: 'template', memory: template.memory } });
  const isOther = (argument: string): boolean => argument.includes('id=m0');
  assert.deepEqual(
    asTemplate.filter((argument) => !isOther(argument)),
    build().filter((argument) => !isOther(argument)),
  );
});

test('a clone has the same machine and waits for its state instead of booting', () => {
  const boot = build();
  const clone = build({ origin: { kind: 'clone', template } });
  const [from, to] = [boot.indexOf('-kernel'), boot.indexOf('-append') + 2];
  const machine = boot.with(boot.indexOf(memoryOf(boot) ?? ''), memoryOf(clone) ?? '');
  assert.deepEqual(clone, [...machine.slice(0, from), '-incoming', 'defer', ...machine.slice(to)]);
  assert.ok(!clone.some((argument) => argument.includes('state')), 'it comes by a descriptor');
});

test('the root image is shared with all VMs and read-only', () => {
  assert.equal(
    values(build(), '-object')[1],
    'memory-backend-file,id=root,mem-path=/image/root,size=134217728,share=on,readonly=on',
  );
  assert.deepEqual(values(build(), '-blockdev'), []);
});

test('KVM runs the host’s processor with the kernel’s interrupt controllers', () => {
  const argv = build({}, 'kvm');
  assert.deepEqual(values(argv, '-accel'), ['kvm']);
  assert.deepEqual(values(argv, '-cpu'), ['host']);
  assert.match(values(argv, '-machine')[0] ?? '', /,kernel_irqchip=on$/);
});

test('a VM that cannot grow has no slots, and addresses for its root image alone', () => {
  assert.deepEqual(values(build({ maxMemoryMiB: 512 }), '-m'), ['512M,maxmem=640M']);
});

test('the image’s own kernel parameters win over the machine’s', () => {
  const kernelParameters = ['console=hvc0', 'swiotlb=force'];
  const argv = build({ image: { ...plan.image, kernelParameters } });
  assert.deepEqual(values(argv, '-append'), ['console=hvc0 swiotlb=force']);
});

/** How QEMU reads an option back (util/qemu-option.c, util/keyval.c): single commas separate, doubled ones stand for one. */
function read(text: string): readonly string[] {
  const parts = [''];
  for (let index = 0; index < text.length; index += 1) {
    const doubled = text[index] === ',' && text[index + 1] === ',';
    if (text[index] === ',' && !doubled) parts.push('');
    else parts.push((parts.pop() ?? '') + text[index]);
    if (doubled) index += 1;
  }
  return parts;
}

const hostile = [
  'a,readonly=off',
  'a,,b',
  ',',
  ',,,',
  'x=y,file=/etc/shadow',
  'line\nend,server=off',
  'quo"te\'s $(id) `id` \\',
  'ü 😀',
  '-sandbox off',
  '%s{"driver":"file"}',
];

/** A plan with `part` in every path and tag. */
function buildWith(part: string): readonly string[] {
  const at = (name: string): string => `/host/${part}/${name}`;
  return build({
    image: { ...plan.image, kernel: at('kernel'), initrd: at('initrd'), rootImage: at('root') },
    shares: plan.shares.map((share) => ({
      ...share,
      tag: `${share.tag}${part}`,
      directory: at(share.tag),
    })),
  });
}

test('a hostile path or tag changes its own value and nothing else', () => {
  const harmless = buildWith('HARMLESS');
  const changing = harmless.filter((argument) => argument.includes('HARMLESS'));
  assert.equal(changing.length, 7);
  const whole = ['-kernel', '-initrd', '-append'];
  for (const part of hostile) {
    const argv = buildWith(part);
    assert.equal(argv.length, harmless.length);
    for (const [index, argument] of argv.entries()) {
      // What QEMU does not split it takes as it stands.
      const split = whole.includes(argv[index - 1] ?? '') ? (text: string) => [text] : read;
      const expected = split(harmless[index] ?? '').map((value) =>
        value.replace('HARMLESS', () => part),
      );
      assert.deepEqual(split(argument), expected, part);
    }
  }
});

test('a zero byte, which the kernel would cut at, is refused', () => {
  assert.throws(() => option('driver', { path: 'a\0b' }), { code: 'invalid-argument' });
  assert.throws(() => build({ image: { ...plan.image, kernel: '/a\0b' } }), {
    code: 'invalid-argument',
    message: 'cannot pass "/a\\u0000b" to QEMU: it holds a zero byte',
  });
});
