// What the guest's kernel is told.

/** The parameters of every VM: nothing of a pod, so that all VMs of an image are alike. */
export const kernelParameters: readonly string[] = [
  'console=ttyS0',
  'quiet',
  // The host sees a dead guest at once: the kernel resets at a panic, and QEMU ends at a reset. By a triple fault: the
  // machine has no keyboard controller, and asking one that is not there for a reset takes seconds to give up.
  'panic=-1',
  'reboot=t',
  // No device here needs bounce buffers: 64 MiB of memory, and half a second of clearing it where it is emulated.
  'swiotlb=noforce',
  // The clock of the emulated processor is trusted, not measured.
  'tsc=reliable',
  'no_timer_check',
  'noreplace-smp',
  'rcupdate.rcu_expedited=1',
  // All devices are on the first bus and on the ports that it shows.
  'pci=lastbus=0',
  'cryptomgr.notests',
  'net.ifnames=0',
];
