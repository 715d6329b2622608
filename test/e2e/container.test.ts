// What a container in a real VM sees, may do and is held to.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import path from 'node:path';
import { before, test } from 'node:test';
import type { ContainerOptions } from '../../src/model/options.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { mountCommand } from './guest-root.js';
import { debian, E2e, printed, sh, shOk, startAndPrint, until } from './harness.js';

const e2e = new E2e('container');
const runtime = e2e.runtime();
let pod: Pod;
/** Runs for the whole file; tests exec in it. */
let box: Container;

before(async () => {
  ({ pod, box } = await e2e.sharedPod(runtime));
});

/** Runs a container of its own in the shared pod and removes it. */
async function run(command: readonly string[], options: Partial<ContainerOptions> = {}) {
  await using container = await pod.createContainer({ rootfs: debian, command, ...options });
  return await startAndPrint(container);
}

test('the guest is another machine: other boot, other kernel or name, no process of the host', async () => {
  const bootId = '/proc/sys/kernel/random/boot_id';
  assert.notEqual(await shOk(box, `cat ${bootId}`), readFileSync(bootId, 'utf8').trim());
  const kernel = await shOk(box, 'uname -r');
  const name = await shOk(box, 'hostname');
  assert.equal(name, 'shared');
  assert.notEqual(`${kernel} ${name}`, `${release()} ${hostname()}`);
  const processes = (await shOk(box, 'ls -d /proc/[0-9]*')).split('\n');
  assert.ok(processes.length <= 4, processes.join());
  assert.equal(await shOk(box, 'tr "\\0" " " < /proc/1/cmdline'), 'sleep infinity');
  const clockSkewMs = Math.abs(Number(await shOk(box, 'date +%s')) * 1000 - Date.now());
  assert.ok(clockSkewMs < 5000, `the clock differs by ${clockSkewMs} ms`);
});

test('exec has its own environment, directory, user and exit code', async () => {
  const process = await box.exec(['sh', '-c', 'echo $A $HOME; pwd; id; exit 9'], {
    env: { A: '1' },
    cwd: '/usr',
    user: 'daemon:mail',
  });
  const { status, stdout } = await printed(process);
  assert.equal(status.code, 9);
  assert.match(stdout, /^1 \S+\n\/usr\nuid=1\(daemon\) gid=8\(mail\)/);
});

test('an unknown user and a missing working directory are said by name', async () => {
  await assert.rejects(box.exec(['true'], { user: 'nosuchuser' }), /nosuchuser/);
  await assert.rejects(box.exec(['true'], { cwd: '/no/such' }), /\/no\/such/);
});

test('a missing command and one that cannot be executed are told apart within a second', async () => {
  for (const [command, reason] of [
    ['no-such-command', 'command-not-found'],
    ['/no/such/command', 'command-not-found'],
    ['/etc/passwd', 'command-not-executable'],
    ['/etc', 'command-not-executable'],
  ] as const) {
    const started = performance.now();
    await assert.rejects(box.exec([command]), (error: { details?: { reason?: string } }) => {
      assert.equal(error.details?.reason, reason, command);
      return true;
    });
    assert.ok(performance.now() - started < 1000, command);
  }
});

test('what a container cannot have is refused by name, and its id is free again', async () => {
  const refused: readonly [Partial<ContainerOptions>, RegExp][] = [
    [{ cwd: '/etc/passwd/x' }, /cannot enter working directory: "\/etc\/passwd\/x" is a file/],
    [{ cwd: '/proc/no-such' }, /cannot enter working directory: .*no-such/],
    [{ user: 'no-such-user' }, /cannot find user "no-such-user"/],
    [{ user: 'root:no-such-group' }, /cannot find group "no-such-group"/],
    [{ command: ['/etc'] }, /command "\/etc": it is not a regular file/],
    [
      { mounts: [{ kind: 'tmpfs', destination: '/etc/passwd' }] },
      /cannot mount on "\/etc\/passwd": a directory goes onto a directory/,
    ],
    [
      { mounts: [{ kind: 'bind', source: e2e.scratch, destination: '/etc/passwd/below' }] },
      /cannot mount on "\/etc\/passwd\/below": .*nothing below a file/,
    ],
    [
      { rlimits: [{ type: 'RLIMIT_NOFILE', soft: 2 ** 31, hard: 2 ** 31 }] },
      /cannot set limit RLIMIT_NOFILE: the guest's kernel refuses it/,
    ],
  ];
  for (const [options, message] of refused) {
    const all = { id: 'refused', rootfs: debian, command: ['true'], ...options };
    await assert.rejects(pod.createContainer(all), { code: 'invalid-argument', message });
  }
  // A user needs no name, and a working directory is made.
  const { status, stdout } = await run(['sh', '-c', 'pwd; id -u; id -g'], {
    id: 'refused',
    user: '4242:4343',
    cwd: '/made/for/it',
  });
  assert.deepEqual([status.code, stdout], [0, '/made/for/it\n4242\n4343\n']);
});

test('two containers of a pod see neither files nor processes of each other', async () => {
  await shOk(box, 'echo mine > /tmp/private');
  const other = await run(['sh', '-c', 'cat /tmp/private; hostname; ls -d /proc/[0-9]* | wc -l'], {
    hostname: 'other',
  });
  assert.match(other.stderr, /No such file/);
  assert.match(other.stdout, /^other\n[1-4]\n$/);
  assert.equal(existsSync(path.join(debian, 'tmp/private')), false);
});

test('a read-only root refuses writes, a tmpfs in it takes them up to its size', async () => {
  const script =
    'touch /x || echo refused; echo y > /t/y && echo taken; head -c 2M /dev/zero > /t/z || echo full';
  const { stdout } = await run(['sh', '-c', script], {
    readOnlyRootfs: true,
    mounts: [{ kind: 'tmpfs', destination: '/t', sizeBytes: '1MiB' }],
  });
  assert.equal(stdout, 'refused\ntaken\nfull\n');
});

test('writes go to the host where they shall, and only there', async () => {
  const shared = path.join(e2e.scratch, 'volume');
  mkdirSync(shared);
  const [single, readOnly] = ['single', 'read-only'].map((name) => path.join(e2e.scratch, name));
  assert.ok(single !== undefined && readOnly !== undefined);
  writeFileSync(single, 'before');
  mkdirSync(readOnly);
  const script = `echo written > /shared/file; mkdir /shared/d; ln -s file /shared/link
    echo after > /single; touch /ro/x 2>/dev/null || echo refused; chmod 600 /ro 2>/dev/null || echo refused`;
  const { stdout, stderr } = await run(['sh', '-c', script], {
    mounts: [
      { kind: 'bind', source: shared, destination: '/shared' },
      { kind: 'bind', source: single, destination: '/single' },
      { kind: 'bind', source: readOnly, destination: '/ro', readOnly: true },
    ],
  });
  assert.deepEqual([stdout, stderr], ['refused\nrefused\n', '']);
  assert.equal(readFileSync(path.join(shared, 'link'), 'utf8'), 'written\n');
  assert.equal(readFileSync(single, 'utf8'), 'after\n');
});

test('a root with writes that go to the host is changed, one without is not', async () => {
  const root = path.join(e2e.scratch, 'root');
  assert.equal(spawnSync('cp', ['-a', '--reflink=auto', `${debian}/.`, root]).status, 0);
  const command = [
    'sh',
    '-c',
    'echo kept > /srv/file; mkdir /srv/d; mv /srv/d /srv/e; chown 7:8 /srv/e',
  ];
  const discarded = await run(command, { rootfs: root });
  assert.deepEqual([discarded.status.code, readdirSync(path.join(root, 'srv'))], [0, []]);
  const kept = await run(command, { rootfs: { kind: 'directory', path: root, writes: 'host' } });
  assert.deepEqual([kept.status.code, kept.stderr], [0, '']);
  assert.equal(readFileSync(path.join(root, 'srv/file'), 'utf8'), 'kept\n');
  const { uid, gid } = statSync(path.join(root, 'srv/e'));
  assert.deepEqual([uid, gid], [7, 8]);
});

test('capabilities, seccomp, limits, masked and read-only paths are in force', async () => {
  const status = await shOk(box, 'cat /proc/self/status');
  // Docker's fourteen as bits.
  assert.match(status, /^CapEff:\t00000000a80425fb$/m);
  assert.match(status, /^CapBnd:\t00000000a80425fb$/m);
  assert.match(status, /^Seccomp:\t2$/m);
  assert.equal(await shOk(box, 'head -c 1 /proc/kcore | wc -c; ls /sys/firmware | wc -l'), '0\n0');
  const { stderr } = await sh(
    box,
    'echo x > /proc/sys/kernel/hostname; echo c > /proc/sysrq-trigger',
  );
  assert.equal(stderr.match(/Read-only file system/g)?.length, 2);
  for (const command of ['unshare -m true', mountCommand({ type: 'tmpfs', target: '/mnt' })]) {
    const { status: exit, stderr: complaint } = await sh(box, command);
    assert.notEqual(exit.code, 0, command);
    assert.match(complaint, /Operation not permitted/);
  }
});

test('what a container asks for replaces the defaults', async () => {
  const script =
    'grep CapEff /proc/self/status; ulimit -Sn; ulimit -Hn; cat /sys/fs/cgroup/pids.max';
  const { stdout } = await run(['sh', '-c', script], {
    capabilities: ['CAP_CHOWN'],
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }],
    pidsLimit: 17,
  });
  assert.equal(stdout, 'CapEff:\t0000000000000001\n100\n200\n17\n');
});

test('a fork bomb stops at the limit of processes and its neighbour goes on', async () => {
  const script = 'for i in $(seq 50); do sleep 5 & done; wait';
  const { status, stderr } = await run(['sh', '-c', script], { pidsLimit: 10 });
  assert.notEqual(status.code, 0);
  assert.match(stderr, /[Cc]annot fork|Resource temporarily unavailable/);
  assert.equal(await shOk(box, 'echo alive'), 'alive');
});

test('a container that needs more memory than it may is ended, and that is the reason', async () => {
  const { status } = await run(['tail', '/dev/zero'], { memoryMiB: 64 });
  assert.deepEqual(status, { code: 137, signal: 'SIGKILL', reason: 'oom' });
  assert.equal(await shOk(box, 'echo alive'), 'alive');
});

test('the VM grows for a container that needs more', async () => {
  const { stdout } = await run(['sh', '-c', 'nproc; grep MemTotal /proc/meminfo'], {
    memoryMiB: 800,
    cpus: 2,
  });
  const [cpus, memoryKiB] = [/^\d+/.exec(stdout)?.[0], /MemTotal: +(\d+)/.exec(stdout)?.[1]];
  assert.equal(cpus, '2');
  assert.ok(Number(memoryKiB) >= 800 * 1024, stdout);
  const status = await pod.status();
  assert.ok(status.cpus >= 2 && status.memoryMiB >= 800);
});

test('processes that have ended leave no zombie', async () => {
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(Array.from({ length: 4 }, () => shOk(box, '(sleep 0.05 &) ; true')));
  }
  // Children of the agent have no parent in the container; orphans there are init's, which is sleep.
  const zombies = `for s in /proc/[0-9]*/stat; do cat $s 2>/dev/null; done | awk '$3 == "Z" && $4 == 0' | wc -l`;
  await until('no zombie', async () => (await shOk(box, zombies)) === '0', 5000);
});
