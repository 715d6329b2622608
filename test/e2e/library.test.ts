// The library in real VMs: one pod that most of the tests share, and what a container can see and do in it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { ContainerOptions } from '../../src/model/options.js';
import type { Container, Pod } from '../../src/model/pod.js';
import type { ProgressEvent } from '../../src/model/progress.js';
import { debian, E2e, printed, sh, shOk, startAndPrint, until } from './harness.js';

const e2e = new E2e('library');
const progress: ProgressEvent[] = [];
const runtime = e2e.runtime({ onProgress: (event) => progress.push(event) });

let pod: Pod;
/** Runs for the whole file; tests exec in it. */
let box: Container;

before(async () => {
  pod = await runtime.createPod({ id: 'shared', labels: { purpose: 'tests' } });
  e2e.cleanup(() => pod.delete({ force: true }));
  box = await pod.createContainer({ id: 'box', rootfs: debian, command: ['sleep', 'infinity'] });
  await box.start();
});

/** Runs a container of its own in the shared pod and removes it. */
async function run(command: readonly string[], options: Partial<ContainerOptions> = {}) {
  await using container = await pod.createContainer({ rootfs: debian, command, ...options });
  return await startAndPrint(container);
}

test('a container prints, exits with its code and is removed', async () => {
  const container = await pod.createContainer({
    id: 'once',
    rootfs: debian,
    command: ['sh', '-c', 'echo out; echo err >&2; exit 5'],
    labels: { a: 'b' },
  });
  assert.equal((await container.status()).state, 'ready');
  const { status, stdout, stderr } = await startAndPrint(container);
  assert.deepEqual(
    [status, stdout, stderr],
    [{ code: 5, signal: null, reason: 'exited' }, 'out\n', 'err\n'],
  );
  const { state, exit, startedAt, finishedAt, labels } = await container.status();
  assert.deepEqual([state, exit, labels], ['stopped', status, { a: 'b' }]);
  assert.ok(startedAt !== null && finishedAt !== null && startedAt <= finishedAt);
  assert.deepEqual(await container.wait(), status, 'it may be asked again');
  await container.delete();
  assert.throws(() => pod.container('once'), { code: 'not-found' });
});

test('the pod says its state, its size and its containers, also by way of the list', async () => {
  const status = await pod.status();
  assert.equal(status.state, 'running');
  assert.equal(status.ownerAlive, true);
  assert.equal(status.ownerPid, process.pid);
  assert.ok(status.accelerator === 'tcg' || status.accelerator === 'kvm');
  assert.ok(status.memoryMiB >= 512 && status.cpus >= 1);
  assert.deepEqual(status.labels, { purpose: 'tests' });
  assert.ok(status.containers.some(({ id, state }) => id === 'box' && state === 'running'));
  const listed = (await runtime.listPods()).find(({ id }) => id === 'shared');
  assert.deepEqual(listed, await runtime.podStatus('shared'));
});

test('each step of the pod is told when it begins and ends, and timed', () => {
  const steps = ['store', 'share', 'vm-spawn', 'vm-boot', 'personalize'] as const;
  for (const step of steps) {
    const events = progress.filter((event) => event.step === step && event.podId === 'shared');
    assert.deepEqual(
      events.map(({ phase }) => phase),
      ['begin', 'end'],
      step,
    );
    assert.ok((events[1]?.durationMs ?? -1) >= 0);
  }
  const timed = pod.timings.map(({ step }) => step);
  assert.deepEqual(
    timed.filter((step) => (steps as readonly string[]).includes(step)),
    [...steps],
  );
});

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

test('input is passed on, half-closed, and refused where there is none', async () => {
  const process = await box.exec(['sh', '-c', 'cat; echo done'], { stdin: true });
  process.stdin.write('one ');
  process.stdin.end('two ');
  assert.equal((await printed(process)).stdout, 'one two done\n');
  const deaf = await box.exec(['cat']);
  const refused = once(deaf.stdin, 'error');
  deaf.stdin.write('x');
  await refused;
  assert.equal((await deaf.wait()).code, 0);
});

test('20 MB of random bytes pass through cat and come back exact', async () => {
  const process = await box.exec(['cat'], { stdin: true });
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let length = 0;
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let index = 0; index < 20; index += 1) {
      const chunk = randomBytes(1_000_000);
      sent.update(chunk);
      yield chunk;
    }
  }
  const sending = pipeline(chunks(), process.stdin);
  for await (const chunk of process.stdout as AsyncIterable<Buffer>) {
    received.update(chunk);
    length += chunk.length;
  }
  await sending;
  assert.equal(length, 20_000_000);
  assert.equal(received.digest('hex'), sent.digest('hex'));
  assert.equal((await process.wait()).code, 0);
});

test('output that nobody reads costs bounded memory and delays nobody', async () => {
  const rssBefore = process.memoryUsage().rss;
  const flood = await box.exec(['cat', '/dev/zero']);
  await sleep(3000);
  const started = performance.now();
  assert.equal(await shOk(box, 'echo quick'), 'quick');
  assert.ok(performance.now() - started < 5000, 'an exec beside the flood');
  const grownMiB = (process.memoryUsage().rss - rssBefore) / 2 ** 20;
  assert.ok(grownMiB < 64, `grew by ${grownMiB} MiB`);
  await flood.kill('SIGKILL');
  assert.equal((await flood.wait()).signal, 'SIGKILL');
  flood.stdout.resume();
  await once(flood.stdout, 'end');
});

test('an exec is quick while another process streams to a reader', async () => {
  const flood = await box.exec(['cat', '/dev/zero']);
  flood.stdout.resume();
  assert.equal(await shOk(box, 'echo quick'), 'quick');
  await flood.kill('SIGKILL');
  await flood.wait();
});

test('signals arrive by name and number, and a process that has ended takes them silently', async () => {
  const script =
    'trap "echo usr1" USR1; trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done';
  const process = await box.exec(['sh', '-c', script]);
  let seen = '';
  process.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  await until('it is ready', () => seen.includes('ready'));
  await process.kill('USR1');
  await until('it is told', () => seen.includes('usr1'));
  await process.kill(15);
  assert.deepEqual(await process.wait(), { code: 3, signal: null, reason: 'exited' });
  await process.kill('SIGKILL');
});

test('a terminal is one stream with a size that changes, and keys go in', async () => {
  const script = 'tty; stty size; echo err >&2; read line; echo "line=$line"; stty size';
  const process = await box.exec(['sh', '-c', script], {
    terminal: { columns: 91, rows: 17 },
    stdin: true,
  });
  let shown = '';
  process.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  await until('the first lines', () => shown.includes('err'));
  await process.resize({ columns: 50, rows: 5 });
  process.stdin.write('typed\r');
  assert.equal((await process.wait()).code, 0);
  await until('the last lines', () => shown.includes('5 50'));
  assert.match(shown, /^\/dev\/(pts\/\d+|console)\r\n17 91\r\nerr\r\n/);
  assert.match(shown, /line=typed\r\n5 50\r\n$/);
  assert.equal(await text(process.stderr), '');
  await assert.rejects(box.resize({ columns: 1, rows: 1 }), { code: 'invalid-state' });
});

test('standard streams can be opened again, also by another user', async () => {
  const { status, stdout, stderr } = await sh(
    box,
    'echo out > /dev/stdout; echo err > /dev/stderr; echo fd > /proc/self/fd/1',
    { user: 'nobody' },
  );
  assert.deepEqual([status.code, stdout, stderr], [0, 'out\nfd\n', 'err\n']);
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
  assert.notEqual((await sh(box, 'unshare -m true')).status.code, 0);
  assert.notEqual((await sh(box, 'mount -t tmpfs x /mnt')).status.code, 0);
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

test('a container is stopped by its signal, and by force after the grace', async () => {
  const polite = await pod.createContainer({
    rootfs: debian,
    command: ['sh', '-c', 'trap "exit 4" INT; echo ready; while :; do sleep 0.1; done'],
    stopSignal: 'SIGINT',
  });
  await polite.start();
  await once(polite.stdout, 'data');
  await polite.stop();
  assert.equal((await polite.wait()).code, 4);
  await polite.stop();
  await polite.delete();

  const stubborn = await pod.createContainer({ rootfs: debian, command: ['sleep', '1000'] });
  await stubborn.start();
  await assert.rejects(stubborn.delete(), { code: 'invalid-state' });
  await stubborn.stop({ graceMs: '300ms' });
  assert.deepEqual(await stubborn.wait(), { code: 137, signal: 'SIGKILL', reason: 'signaled' });
  await stubborn.delete();
});

test('a stopped container starts again with new streams and a fresh root', async () => {
  const container = await pod.createContainer({
    rootfs: debian,
    command: ['sh', '-c', 'ls /tmp; touch /tmp/been-here; echo run'],
  });
  const first = await startAndPrint(container);
  await container.stop();
  const second = await startAndPrint(container);
  assert.equal(first.stdout, 'run\n');
  assert.match(second.stdout, /run\n$/);
  assert.equal(second.status.code, 0);
  await container.delete();
});

test('ids that exist, escape or are nonsense are refused', async () => {
  await assert.rejects(pod.createContainer({ id: 'box', rootfs: debian, command: ['true'] }), {
    code: 'already-exists',
  });
  await assert.rejects(runtime.createPod({ id: 'shared' }), { code: 'already-exists' });
  for (const id of ['../x', 'a/b', '', '-rf', 'a\0b', 'x'.repeat(200), '.']) {
    await assert.rejects(runtime.createPod({ id }), { code: 'invalid-argument' });
    await assert.rejects(pod.createContainer({ id, rootfs: debian, command: ['true'] }), {
      code: 'invalid-argument',
    });
  }
});

test('an option that does not exist is refused with the one that was meant', async () => {
  const options = { rootfs: debian, command: ['true'], memoryMB: 5 };
  await assert.rejects(pod.createContainer(options), {
    code: 'invalid-argument',
    message: /memoryMB.*memoryMiB/,
  });
});

test('a root or a source that is not there is refused by name', async () => {
  await assert.rejects(pod.createContainer({ rootfs: '/no/such', command: ['true'] }), {
    message: /\/no\/such/,
  });
  const mounts = [{ kind: 'bind', source: '/no/such', destination: '/x' }] as const;
  await assert.rejects(pod.createContainer({ rootfs: debian, command: ['true'], mounts }), {
    message: /\/no\/such/,
  });
});

test('a wait that is aborted ends, and what it waited for goes on', async () => {
  const process = await box.exec(['sleep', '1000']);
  const reason = new Error('enough');
  await assert.rejects(process.wait({ signal: AbortSignal.abort(reason) }), {
    name: 'AbortError',
    cause: reason,
  });
  await assert.rejects(process.wait({ signal: AbortSignal.timeout(50) }), { name: 'AbortError' });
  await process.kill('SIGKILL');
  assert.equal((await process.wait()).code, 137);
});

test('a pod whose creation is aborted while it boots leaves nothing', async () => {
  const abort = new AbortController();
  const creating = runtime.createPod({
    id: 'aborted',
    signal: abort.signal,
    onProgress: ({ step, phase }) => {
      if (step === 'vm-boot' && phase === 'begin') setTimeout(() => abort.abort(), 500);
    },
  });
  await assert.rejects(creating, { name: 'AbortError' });
  await assert.rejects(runtime.podStatus('aborted'), { code: 'not-found' });
  assert.deepEqual(
    (await runtime.listPods()).map(({ id }) => id),
    ['shared'],
  );
});

test('a pod stops, starts again with its containers, and is disposed of', async () => {
  let stdout: Readable;
  {
    await using other = await runtime.createPod({ id: 'other', hostname: 'renamed' });
    const container = await other.createContainer({
      rootfs: debian,
      command: ['sh', '-c', 'hostname; exec sleep 1000'],
    });
    await container.start();
    assert.equal(String(await once(container.stdout, 'data')), 'renamed\n');
    await other.stop({ graceMs: 200 });
    await other.stop();
    assert.equal((await other.status()).state, 'stopped');
    assert.equal((await container.status()).state, 'stopped');
    await container.start();
    assert.equal((await other.status()).state, 'running');
    stdout = container.stdout;
    assert.equal(String(await once(stdout, 'data')), 'renamed\n');
  }
  await assert.rejects(runtime.podStatus('other'), { code: 'not-found' });
  assert.equal((await buffer(stdout).catch(() => Buffer.alloc(0))).length, 0);
});
