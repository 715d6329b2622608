// The flags of `virtc run` in real VMs, several of them in each; what they mean and refuse is otherwise tested without a VM.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { debian, E2e, untilText } from './harness.js';
import { makeSmallRoot } from './small-root.js';

const e2e = new E2e('virtc-flags');

/** `CapEff` with these bits. */
const capabilityBits = (...bits: readonly number[]): string =>
  bits
    .reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n)
    .toString(16)
    .padStart(16, '0');

/** All 41 of the guest's kernel. */
const everyCapability = capabilityBits(...Array(41).keys());

test('a read-only root, memory, variables, names, capabilities and limits are those of the flags', async () => {
  const variables = path.join(e2e.scratch, 'variables');
  writeFileSync(variables, "# a comment\nFILE='quoted  '\nBOTH=file\r\nPASSED\nUNSET\n");
  const shared = path.join(e2e.scratch, 'shared');
  mkdirSync(shared);
  const script = `
    echo "env=$FILE/$BOTH/$PASSED/\${UNSET-unset}"; echo "hostname=$(hostname) $(cat /proc/sys/kernel/hostname)"
    for place in / /usr /etc; do (echo x > $place/x) 2>/dev/null && echo "written=$place"; done
    echo x > /shared/x && echo x > /new/place/x && echo x > /dev/shm/x && echo x > /programs/x && echo written=mounts
    cp /bin/true /new/place/; /new/place/true 2>/dev/null || echo refused=exec
    cp /bin/true /programs/; /programs/true && echo executed=exec
    stat -c 'mode=%a %u' /new/place /programs; stat -f -c 'size=%b*%S' /new/place
    head -c 2000000 /dev/zero > /new/place/x 2>/dev/null || echo refused=size
    grep -E '^Cap(Eff|Bnd)' /proc/self/status; chown 1 /programs/x && echo chown=yes
    chroot / true 2>/dev/null || echo refused=chroot
    echo "nofile=$(ulimit -Sn):$(ulimit -Hn) core=$(ulimit -Sc):$(ulimit -Hc) stack=$(ulimit -Ss)"`;
  const { code, stdout, stderr } = await e2e.run(
    [
      ...['--env-file', variables, '-e', 'BOTH=flag', '--hostname', 'my_host.example'],
      ...[
        '--read-only',
        '--tmpfs',
        '/new/place:size=1m,mode=750,uid=7',
        '--tmpfs',
        '/programs:exec',
      ],
      ...['-v', `${shared}:/shared`],
      ...['--cap-drop', 'all', '--cap-add', 'chown', '--cap-add', 'CAP_DAC_OVERRIDE'],
      ...['--ulimit', 'nofile=100:200', '--ulimit', 'core=0:-1', '--ulimit', 'stack=4194304'],
      ...['--hypervisor', 'tcg', '--timeout', '10m'],
      ...['--', 'bash', '-c', script],
    ],
    { env: { PASSED: 'from here', VIRTC_ACCELERATOR: 'kvm' } },
  );
  assert.equal(stderr, '');
  assert.deepEqual(stdout.toString().trimEnd().split('\n'), [
    "env='quoted  '/flag/from here/unset",
    'hostname=my_host.example my_host.example',
    'written=mounts',
    'refused=exec',
    'executed=exec',
    'mode=750 7',
    'mode=1777 0',
    'size=256*4096',
    'refused=size',
    `CapEff:\t${capabilityBits(0, 1)}`,
    `CapBnd:\t${capabilityBits(0, 1)}`,
    'chown=yes',
    'refused=chroot',
    'nofile=100:200 core=0:unlimited stack=4096',
  ]);
  assert.equal(code, 0);
  assert.equal(readFileSync(path.join(shared, 'x'), 'utf8'), 'x\n');
  await e2e.assertNothingLeft();
});

test('with --writes host the directory changes, and a command whose time is over ends in order with 124', async () => {
  const root = path.join(e2e.scratch, 'root');
  makeSmallRoot(root, ['dash', 'cat', 'sleep']);
  const script = `
    trap 'echo got TERM; echo end > /end; exit 0' TERM
    while read -r line; do case $line in CapEff*) echo "$line";; esac; done < /proc/self/status
    echo begin > /begin; (sleep 1000; echo never) & echo ready; wait`;
  const { code, stdout, stderr } = await e2e.virtc([
    ...['run', '--rootfs', root, '--writes', 'host', '--timeout', '3s', '--cap-add', 'ALL'],
    ...['--name', 'limited', 'dash', '-c', script],
  ]);
  assert.equal(stderr, 'virtc: the command has run for 3s (--timeout) and is ended\n');
  assert.deepEqual(stdout.toString(), `CapEff:\t${everyCapability}\nready\ngot TERM\n`);
  assert.equal(code, 124);
  assert.equal(readFileSync(path.join(root, 'begin'), 'utf8'), 'begin\n');
  assert.equal(readFileSync(path.join(root, 'end'), 'utf8'), 'end\n');
  await e2e.assertNothingLeft();
});

const refusals: readonly [readonly string[], string][] = [
  [['--env-file', '/no/such'], 'cannot use --env-file "/no/such": there is no such file'],
  [['--tmpfs', 'run'], 'cannot use --tmpfs "run": the path in the container must be absolute'],
  [['--cap-add', 'CHOWM'], 'cannot use --cap-add "CHOWM": .*\nhint: did you mean CHOWN\\?'],
  [['--ulimit', 'nofil=1'], 'cannot use --ulimit "nofil=1": .*\nhint: did you mean nofile\\?'],
  [['--timeout', '30'], 'cannot use --timeout "30": .*\nhint: with its unit, for example 30s'],
  [['--hypervisor', 'kvmm'], 'cannot use --hypervisor "kvmm": .*\nhint: did you mean kvm\\?'],
  [['--writes', 'hosts'], 'cannot use --writes "hosts": .*\nhint: did you mean host\\?'],
  [['-h', 'a b'], 'cannot use --hostname: it must be 1 to 64 .*, not .a b.'],
  [['--tmpfs', '/a', '-v', '/:/a'], 'cannot use --volume and --tmpfs: .* not ./a. twice'],
];
for (const [flags, message] of refusals) {
  test(`${flags.join(' ')} is refused at once with 125`, async () => {
    const started = performance.now();
    const { code, stdout, stderr } = await e2e.run([...flags, 'true']);
    assert.equal(code, 125);
    assert.equal(stdout.length, 0);
    assert.match(stderr, new RegExp(`^virtc: ${message}`));
    assert.ok(performance.now() - started < 5000, 'no VM was booted for it');
  });
}

interface DoctorReport {
  readonly ok: boolean;
  readonly checks: readonly {
    name: string;
    status: string;
    message: string;
    hint: string | null;
  }[];
}

async function doctor(env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await e2e.virtc(['doctor', '--format', 'json'], { env });
  const report = JSON.parse(stdout.toString()) as DoctorReport;
  const of = (name: string) => report.checks.find((check) => check.name === name);
  return { code, stderr, report, of };
}

test('what a killed owner left is found by doctor, and gc removes it and prints it', async () => {
  const run = e2e.startVirtc([
    ...['run', '--rootfs', debian, '--name', 'left', 'sh', '-c', 'echo ready; exec sleep 1000'],
  ]);
  await untilText(run.child.stdout, 'ready');
  const alive = await doctor();
  assert.match(alive.of('leftovers')?.message ?? '', /pods of living ones: 1$/);
  run.child.kill('SIGKILL');
  await run.finished;
  const dead = await doctor();
  const { status, message, hint } = dead.of('leftovers') ?? {};
  assert.deepEqual(
    [status, message, hint],
    ['warn', 'pods are left of dead owners: left', 'run virtc gc'],
  );
  const gc = await e2e.virtc(['gc']);
  assert.deepEqual([gc.code, gc.stdout.toString(), gc.stderr], [0, 'left\n', '']);
  const again = await e2e.virtc(['gc', '--format', 'json']);
  assert.deepEqual(
    [again.code, JSON.parse(again.stdout.toString())],
    [0, { removed: [], failed: [] }],
  );
  await e2e.assertNothingLeft();
});

test('doctor finds this host able, in text as well, and leaves nothing', async () => {
  const { code, stderr, report, of } = await doctor({ VIRTC_ACCELERATOR: 'tcg' });
  assert.deepEqual([code, stderr, report.ok], [0, '', true]);
  for (const name of ['root', 'node', 'qemu', 'tools', 'guest-image', 'run-root', 'lib-root']) {
    assert.equal(of(name)?.status, 'ok', of(name)?.message);
  }
  assert.match(of('accelerator')?.message ?? '', /^emulation \(TCG\): emulation was asked for/);
  assert.ok(of('namespaces') && of('cgroups'));
  const { stdout } = await e2e.virtc(['doctor'], { env: { VIRTC_ACCELERATOR: 'tcg' } });
  assert.match(stdout.toString(), /^ok {4}guest-image +guest image [0-9a-f]{32} in /m);
  await e2e.assertNothingLeft();
});

test('doctor says that a guest image is missing, with 1', async () => {
  const libRoot = path.join(e2e.scratch, 'other-lib');
  mkdirSync(libRoot);
  const none = await doctor({ VIRTC_LIB_ROOT: libRoot });
  assert.deepEqual([none.code, none.report.ok, none.of('guest-image')?.status], [1, false, 'fail']);
  assert.equal(none.of('guest-image')?.hint, 'run virtc setup');
});

test('version tells all versions as JSON, also where there is no guest image', async () => {
  const { code, stdout } = await e2e.virtc(['version', '--format', 'json']);
  assert.equal(code, 0);
  const versions = JSON.parse(stdout.toString());
  assert.equal(versions.node, process.versions.node);
  assert.deepEqual(versions.protocol, { name: 'virtcontainers.agent.v1', version: 1 });
  assert.match(versions.qemu, /^\d+\.\d+/);
  assert.match(versions.guestImage.versions.crun, /^\d/);
  assert.equal(versions.guestImageError, null);
  const without = await e2e.virtc(['version', '--format', 'json'], {
    env: { VIRTC_GUEST_IMAGE: '/no/such' },
  });
  const { guestImage, guestImageError } = JSON.parse(without.stdout.toString());
  assert.deepEqual([without.code, guestImage], [0, null]);
  assert.match(guestImageError, /there is none/);
});
