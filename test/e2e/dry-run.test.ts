// `virtc run --dry-run`: it makes nothing, and what it prints is what a run then does.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { PlannedPod } from '../../src/model/planned-pod.js';
import { debian, E2e, untilText } from './harness.js';
import { hostMountsWith, processesOf } from './leftovers.js';

const e2e = new E2e('dry-run');

const flags = [
  // What is printed is a boot.
  '--no-template',
  ...['--rootfs', debian, '--name', 'planned', '-m', '700m', '--cpus', '1.5', '--init'],
  ...['-h', 'box', '-v', `${e2e.scratch}:/data:ro`, '-e', 'A=b c'],
];
const command = ['sh', '-c', 'echo ready; exec sleep 1000'];

const dryRun = (...more: readonly string[]) =>
  e2e.virtc(['run', ...flags, '--dry-run', ...more, '--', ...command]);

/** Fields of /proc/<pid>/status by their name. */
function statusOf(pid: number): ReadonlyMap<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return new Map(lines.map((line) => line.split(':\t') as [string, string]));
}

test('nothing is made: no directory, no lock, no log, no mount, no process', async () => {
  assert.deepEqual(readdirSync(e2e.runRoot), []);
  const before = readdirSync(e2e.libRoot, { recursive: true });
  const { code, stdout, stderr } = await dryRun();
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout.toString(), /^ {4}-m 512M,slots=16,maxmem=65664M \\$/m);
  assert.match(stdout.toString(), /^ {2}\/data +\/var\/tmp\/\S+, read-only$/m);
  assert.deepEqual(readdirSync(e2e.runRoot), []);
  assert.deepEqual(readdirSync(e2e.libRoot, { recursive: true }), before);
  assert.deepEqual([hostMountsWith(e2e.runRoot), processesOf(e2e.runRoot)], [[], []]);
});

test('what is printed is what a run with the same flags does', async () => {
  const { stdout } = await dryRun('--format', 'json');
  const plan = JSON.parse(stdout.toString()) as PlannedPod;
  const run = e2e.startVirtc(['run', ...flags, '--', ...command]);
  try {
    await untilText(run.child.stdout, 'ready');
    const qemu = e2e.vmPid('planned');
    const argv = readFileSync(`/proc/${qemu}/cmdline`, 'utf8').split('\0').slice(0, -1);
    assert.deepEqual(argv, plan.vm.argv);
    const status = await e2e.runtime().podStatus('planned');
    assert.deepEqual({ cpus: status.cpus, memoryMiB: status.memoryMiB }, plan.vm.size);
    assert.equal(status.accelerator, plan.accelerator.kind);
    checkJail(qemu, plan.vm.jail);
  } finally {
    run.child.kill('SIGTERM');
  }
  const { code } = await run.finished;
  assert.equal(code, 143);
  await e2e.assertNothingLeft();
});

function checkJail(pid: number, jail: PlannedPod['vm']['jail']): void {
  const status = statusOf(pid);
  assert.equal(status.get('Uid')?.split('\t')[0], String(jail.user.hostUid));
  const bits = { CAP_CHOWN: 0n, CAP_DAC_OVERRIDE: 1n, CAP_FOWNER: 3n, CAP_FSETID: 4n };
  const bounding = jail.capabilities.reduce(
    (sum, name) => sum | (1n << bits[name as keyof typeof bits]),
    0n,
  );
  assert.equal(BigInt(`0x${status.get('CapBnd')}`), bounding);
  const files = { mount: 'mnt', pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts', user: 'user' };
  const own = Object.entries(files).flatMap(([name, file]) => {
    const [theirs, ours] = [pid, 'self'].map((who) => readlinkSync(`/proc/${who}/ns/${file}`));
    return theirs === ours ? [] : [name];
  });
  assert.deepEqual(own.sort(), [...jail.namespaces].sort());
  const mounts = new Map(
    readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '))
      .map((fields) => [fields[4] ?? '', fields[5] ?? '']),
  );
  for (const bind of jail.readOnlyBinds) assert.match(mounts.get(bind) ?? '', /^ro\b/, bind);
  for (const bind of [...jail.writableBinds, ...jail.exports]) assert.ok(mounts.has(bind), bind);
  for (const device of jail.devices) {
    assert.ok(readdirSync(`/proc/${pid}/root/dev`).includes(path.basename(device)), device);
  }
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), jail.workingDirectory);
}

test('what a run would refuse is refused, with nothing made', async () => {
  const cases: readonly (readonly [readonly string[], Readonly<Record<string, string>>, RegExp])[] =
    [
      [
        [],
        { VIRTC_GUEST_IMAGE: '/no/such/image' },
        /^virtc: cannot create pod planned: cannot open guest image \/no\/such\/image: there is none\nhint: run virtc setup\n$/,
      ],
      [['-m', '4000g'], {}, /^virtc: cannot use --memory: it must be from 6 MiB .* to 65344 MiB/],
      [['-v', '/no/such:/x'], {}, /"\/no\/such": there is no such path on the host/],
      [['-u', 'a b'], {}, /cannot use --user/],
    ];
  for (const [more, env, message] of cases) {
    for (const dry of [['--dry-run'], []]) {
      const { code, stdout, stderr } = await e2e.virtc(
        ['run', ...flags, ...more, ...dry, '--', ...command],
        { env },
      );
      assert.deepEqual([code, stdout.length], [125, 0]);
      assert.match(stderr, message);
    }
  }
  await e2e.assertNothingLeft();
});

test('more than this host has is refused before a VM is booted, with what it has', async () => {
  const total = Number(/MemTotal: +(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
  const asked: readonly (readonly [boolean, readonly string[], RegExp])[] = [
    [
      total < 60 * 1024 * 1024,
      ['-m', '60g'],
      /its pod's VM would need \d+ MiB of memory, this host has \d+ MiB\nhint: ask for less/,
    ],
    [
      availableParallelism() < 32,
      ['--cpus', '32'],
      /it asks for 32 processors, this host has \d+\nhint: ask for \d+ at/,
    ],
  ];
  for (const [isTooMuch, more, message] of asked) {
    const { code, stderr } = await e2e.run([...more, isTooMuch ? '--' : '--dry-run', 'true']);
    assert.equal(code, isTooMuch ? 125 : 0, stderr);
    if (isTooMuch) assert.match(stderr, message);
  }
  await e2e.assertNothingLeft();
});
