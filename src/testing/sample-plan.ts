// A VM's plan for tests of what is made of it: nothing that it names is there.
import type { VmPlan } from '../host/hypervisor/hypervisor.js';

/** @param own the pod's directory, and what else is to be different */
export function samplePlan(own: Pick<VmPlan, 'runDirectory'> & Partial<VmPlan>): VmPlan {
  return {
    podId: 'pod',
    image: {
      id: 'image',
      directory: '/image',
      kernel: '/image/kernel',
      initrd: '/image/initrd',
      rootImage: '/image/root',
      rootImageBytes: 128 * 1024 * 1024,
      memoryPreload: '/image/preload',
      kernelParameters: [],
    },
    shares: [{ tag: 'virtc-ro', directory: '/share', readOnly: true }],
    accelerator: 'tcg',
    origin: { kind: 'boot' },
    bootMemoryMiB: 512,
    bootCpus: 1,
    maxMemoryMiB: 2048,
    maxCpus: 4,
    ...own,
  };
}
