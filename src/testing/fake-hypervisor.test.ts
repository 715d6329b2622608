// The fake hypervisor passes the suite of the real one: what is tested over it holds for both.
import { hypervisorSuite } from '../host/hypervisor/hypervisor.suite.js';
import { FakeHypervisor } from './fake-hypervisor.js';
import type { FakeVm } from './fake-vm.js';

let pods = 0;

hypervisorSuite('FakeHypervisor', async () => ({
  hypervisor: new FakeHypervisor(),
  plan: async () => ({
    podId: `pod${++pods}`,
    runDirectory: '/fake',
    image: {
      id: 'fake',
      directory: '/fake/image',
      kernel: '/fake/image/vmlinux',
      initrd: '/fake/image/initrd',
      rootImage: '/fake/image/root',
      rootImageBytes: 128 * 1024 * 1024,
      memoryPreload: '/fake/image/preload',
      kernelParameters: [],
    },
    shares: [],
    accelerator: 'auto',
    origin: { kind: 'boot' },
    bootMemoryMiB: 512,
    bootCpus: 1,
    maxMemoryMiB: 1024,
    maxCpus: 2,
  }),
  templateOf: ({ podId }) => ({ memory: `/fake/${podId}/memory`, state: `/fake/${podId}/state` }),
  isSaved: async (vm, state) => (vm as FakeVm).savedTo === state,
  kill: async (vm) => (vm as FakeVm).kill(),
  close: async () => {},
}));
