// What shapes a VM before a pod exists, as a hash: VMs of one shape can be cloned from one template.
import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import os from 'node:os';
import type { Accelerator, VmPlan } from '../hypervisor.js';
import { toCommandLine } from './command-line.js';

/** Raised where a template that older code has made cannot be cloned by this, or lacks what this does to one. */
const revision = 1;

/** A hash of all that must be the same in a template and in its clones. @param program QEMU's, absolute */
export async function shapeOf(
  plan: VmPlan,
  accelerator: Accelerator['kind'],
  program: string,
): Promise<string> {
  const [qemu, cpu] = await Promise.all([
    stampOf(program),
    // Emulated processors are the same everywhere.
    accelerator === 'kvm' ? hostCpu() : null,
  ]);
  const argv = toCommandLine({ plan: neutral(plan), accelerator, program, name: 'template' });
  const facts = JSON.stringify([revision, plan.image.id, qemu, cpu, argv]);
  return createHash('sha256').update(facts).digest('hex').slice(0, 32);
}

/** The plan without what may differ: the pod, where its things lie, and where the image's files lie. */
function neutral(plan: VmPlan): VmPlan {
  const inImage = (file: string): string => file.replace(plan.image.directory, '/image');
  return {
    ...plan,
    podId: 'template',
    runDirectory: '/run',
    origin: { kind: 'boot' },
    image: {
      ...plan.image,
      directory: '/image',
      kernel: inImage(plan.image.kernel),
      initrd: inImage(plan.image.initrd),
      rootImage: inImage(plan.image.rootImage),
      memoryPreload: inImage(plan.image.memoryPreload),
    },
    shares: plan.shares.map((share) => ({ ...share, directory: `/${share.tag}` })),
  };
}

/** Says whether a program is the same one, without starting it. A missing one is told of when it is started. */
async function stampOf(program: string): Promise<string> {
  try {
    const found = await stat(await realpath(program), { bigint: true });
    // Without its device: that has another number after a reboot.
    return [found.ino, found.size, found.mtimeNs].join(' ');
  } catch {
    return 'missing';
  }
}

/** What `-cpu host` passes on, the microcode that decides which of it works, and the kernel whose KVM has the state. */
async function hostCpu(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const first = text.split('\n\n', 1)[0] ?? '';
  const telling =
    /^(vendor_id|cpu family|model|model name|stepping|microcode|flags|vmx flags|bugs)\s*:/;
  const lines = first.split('\n').filter((line) => telling.test(line));
  return [...lines, os.release()].join('\n');
}
