// Flags of `docker run` that `virtc run` has not: what to use instead, or that it comes later.

const noNetwork = 'this version has no networks: a container sees nothing but its own loopback';
const noImages = 'this version has no images: give a directory with --rootfs DIR';
const ownVm = 'a container has a VM of its own: there is nothing of the host to share with it';
const noDevices = 'devices of the host are not passed into a VM';
const noPolicy =
  'the VM is the border: --cap-drop, --read-only and --user are what narrows a container in it';

const hints: Readonly<Record<string, string>> = {
  '--publish': noNetwork,
  '--publish-all': noNetwork,
  '--expose': noNetwork,
  '--net': 'write --network none, or leave it out: a container sees nothing but its own loopback',
  '--dns': noNetwork,
  '--add-host': noNetwork,
  '--ip': noNetwork,
  '--link': noNetwork,
  '--mac-address': noNetwork,
  '--mount': 'use -v SRC:DST[:ro] to bind a path of the host, or --tmpfs PATH for memory',
  '--volumes-from': 'give the same -v SRC:DST again',
  '--restart': 'let a supervisor such as systemd (Restart=) start virtc again',
  '--privileged':
    'use --cap-add ALL: the container is root in its own VM, devices of the host are not passed',
  '--device': noDevices,
  '--gpus': noDevices,
  '--pull': noImages,
  '--platform': noImages,
  '--cidfile': 'choose the id yourself with --name, or read it from --format json',
  '--label-file': 'use --label NAME=VALUE',
  '--attach': 'output is always attached; -i attaches input',
  '--sig-proxy': 'signals are always passed on',
  '--detach-keys':
    'a run in the foreground ends with virtc: use -d, and virtc attach --detach-keys',
  '--stop-timeout': 'set container.stop_grace in the configuration file (virtc config)',
  '--stop-signal': 'the library has it as stopSignal; virtc sends SIGTERM',
  '--group-add': 'use --user USER:GROUP',
  '--memory-swap': 'a VM has no swap: --memory is the limit',
  '--memory-reservation': 'use --memory',
  '--cpu-shares': 'use --cpus',
  '--cpu-quota': 'use --cpus',
  '--cpu-period': 'use --cpus',
  '--cpuset-cpus': 'use --cpus, or taskset around virtc',
  '--pid': ownVm,
  '--ipc': ownVm,
  '--uts': ownVm,
  '--userns': ownVm,
  '--cgroupns': ownVm,
  '--cgroup-parent': ownVm,
  '--runtime': 'virtc is the runtime; --hypervisor chooses what executes the VM',
  '--isolation': '--hypervisor chooses what executes the VM',
  '--security-opt': noPolicy,
  '--log-driver': 'output comes on standard output and standard error: redirect it',
  '--log-opt': 'output comes on standard output and standard error: redirect it',
  '--health-cmd': 'run the check in the command itself, or use exec of the library',
  '--quiet': 'use --progress none',
  '--shm-size': 'use --tmpfs /dev/shm:size=SIZE,mode=1777',
};

const longOf: Readonly<Record<string, string>> = {
  '-p': '--publish',
  '-P': '--publish-all',
  '-a': '--attach',
  '-q': '--quiet',
  '-c': '--cpu-shares',
};

/** What to say of an unknown option as it was written: `--restart=always`, `-dp`. */
export function dockerHint(written: string): string | undefined {
  const name = written.startsWith('--') ? written.replace(/=.*/s, '') : longOf[written.slice(0, 2)];
  return name !== undefined && Object.hasOwn(hints, name) ? hints[name] : undefined;
}
