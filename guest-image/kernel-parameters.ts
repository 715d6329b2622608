// What the guest's kernel is told.

/**
 * The parameters of every VM: nothing of a pod, so that all VMs of an image are alike. The clock is not taken on trust
 * (`tsc=reliable`): on a busy host an emulated kernel measures its processor wrong, and its seconds are then a tenth of ours,
 * unless the kernel goes on comparing it with the board's timer.
 */
export const kernelParameters: readonly string[] = [
  'console=ttyS0',
  'quiet',
  // The host sees a dead guest at once: the kernel resets at a panic, and QEMU ends at a reset. By a triple fault: the
  // machine has no keyboard controller, and asking one that is not there for a reset takes seconds to give up.
  'panic=-1',
  'reboot=t',
  // No device here needs bounce buffers: 64 MiB of memory, and half a second of clearing it where it is emulated.
  'swiotlb=noforce',
  'no_timer_check',
  'noreplace-smp',
  'rcupdate.rcu_expedited=1',
  // All devices are on the first bus and on the ports that it shows.
  'pci=lastbus=0',
  'cryptomgr.notests',
  // What has no policy here (AppArmor, TOMOYO, BPF) would be asked at each call all the same, and nobody reads the pressures
  // (PSI) that are counted at each switch between tasks.
  'lsm=landlock,yama',
  'psi=0',
  'net.ifnames=0',
];
