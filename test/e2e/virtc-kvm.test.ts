// `virtc run` on a host that seems to have KVM: the processor says so, /dev/kvm opens, and no guest runs.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout, debian, E2e, type Finished } from './harness.js';

const e2e = new E2e('virtc-kvm');

// In a mount namespace of its own: a /dev whose kvm is another null device, and processors with vmx.
const seemingHost = `
  set -e
  mount -t tmpfs -o mode=0755,size=64k dev /dev
  for node in null:3 zero:5 random:8 urandom:9 kvm:3; do
    mknod -m 666 "/dev/\${node%:*}" c 1 "\${node#*:}"
  done
  mount --bind "$1" /proc/cpuinfo
  shift
  exec "$@"`;

async function runThere(args: readonly string[], accelerator?: string): Promise<Finished> {
  const cpuinfo = path.join(e2e.scratch, 'cpuinfo');
  writeFileSync(cpuinfo, 'processor\t: 0\nflags\t\t: fpu vmx lm\n');
  const virtc = [path.join(checkout, 'bin/virtc'), 'run', '--rootfs', debian, ...args];
  const env = accelerator === undefined ? {} : { VIRTC_ACCELERATOR: accelerator };
  const unshare = ['--mount', '--propagation', 'private', '--'];
  const command = [...unshare, 'sh', '-c', seemingHost, 'sh', cpuinfo, ...virtc];
  return await e2e.start('unshare', command, { env }).finished;
}

test('where KVM only seems to be there a run is emulated', async () => {
  const { code, stdout, stderr } = await runThere(['--', 'echo', 'emulated']);
  assert.deepEqual([code, stdout.toString(), stderr], [0, 'emulated\n', '']);
  await e2e.assertNothingLeft();
});

test('where KVM only seems to be there and is insisted on, a run ends with 125 and says why', async () => {
  const { code, stdout, stderr } = await runThere(['--', 'echo', 'never'], 'kvm');
  assert.deepEqual([code, stdout.toString()], [125, '']);
  assert.match(
    stderr,
    /^virtc: cannot .*accelerator kvm: a test guest failed: .*(KVM|ioctl)[^\n]*\n.*'auto' or 'tcg'/s,
  );
  await e2e.assertNothingLeft();
});
