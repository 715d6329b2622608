// Pausing, resuming and watching containers and pods in a real VM.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { PodEvent } from '../../src/model/events.js';
import type { ContainerOptions } from '../../src/model/options.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { debian, E2e, printed, shOk, until, untilText } from './harness.js';

const e2e = new E2e('states');
const runtime = e2e.runtime();
let pod: Pod;
/** Runs for the whole file; tests exec in it. */
let box: Container;

before(async () => {
  pod = await runtime.createPod({ id: 'shared' });
  e2e.cleanup(() => pod.delete({ force: true }));
  box = await pod.createContainer({ id: 'box', rootfs: debian, command: ['sleep', 'infinity'] });
  await box.start();
});

async function started(command: readonly string[], options: Partial<ContainerOptions> = {}) {
  const container = await pod.createContainer({ rootfs: debian, command, ...options });
  await container.start();
  return container;
}

async function cpuUs(container: Container): Promise<number> {
  const { cpu } = await container.stats();
  assert.ok(cpu !== null);
  return cpu.usageUs;
}

test('the processor time of a busy loop stands still while its container is paused, and goes on after', async () => {
  await using loop = await started(['sh', '-c', 'while :; do :; done']);
  const first = await cpuUs(loop);
  await until('it uses the processor', async () => (await cpuUs(loop)) > first + 100_000);
  await loop.pause();
  const paused = await cpuUs(loop);
  assert.equal((await loop.status()).state, 'paused');
  const [list] = (await loop.processes()).processes;
  assert.deepEqual(list?.command, ['sh', '-c', 'while :; do :; done']);
  await sleep(1500);
  assert.equal(await cpuUs(loop), paused);
  await assert.rejects(loop.exec(['true']), {
    code: 'invalid-state',
    message: `cannot exec in container ${loop.id}: the container is paused, it must be running`,
  });
  // The others go on.
  assert.equal(await shOk(box, 'echo alive'), 'alive');
  await loop.resume();
  await until('it goes on', async () => (await cpuUs(loop)) > paused + 100_000);
  assert.equal(await shOk(loop, 'echo again'), 'again');
});

/** What a program prints that takes its time over it: 8 MiB. */
const pattern = Buffer.from(
  Array.from({ length: 64 * 1024 }, (_, line) => `${String(line).padStart(127, '.')}\n`).join(''),
);
const program = [
  'python3',
  '-c',
  `import sys, time
for part in range(64):
  for i in range(1024): sys.stdout.write(str(part * 1024 + i).rjust(127, ".") + "\\n")
  time.sleep(0.05)`,
];

for (const [what, target] of [
  ['the container', (container: Container) => container],
  ['the pod', (container: Container) => container.pod],
] as const) {
  test(`output is exact to the byte where ${what} is paused and resumed while it is read`, async () => {
    await using container = await pod.createContainer({ rootfs: debian, command: program });
    const reading = buffer(container.stdout);
    await container.start();
    let ended = false;
    const end = container.wait().finally(() => (ended = true));
    let pauses = 0;
    try {
      for (; !ended; pauses++) {
        await target(container).pause();
        await sleep(200);
        await target(container).resume();
        await sleep(100);
      }
    } catch (error) {
      // It may end at any time, and then it cannot be paused or resumed.
      assert.equal((error as { code?: string }).code, 'invalid-state', String(error));
    }
    assert.equal((await end).code, 0);
    const output = await reading;
    assert.ok(pauses >= 2, `paused ${pauses} times`);
    assert.ok(output.equals(pattern), `${output.length} bytes of ${pattern.length}`);
  });
}

test('statistics show what a container allocates, uses and may have', async () => {
  const script =
    'b = bytearray(50 << 20); b[::4096] = b"x" * len(b[::4096]); print("full", flush=True); input()';
  await using eater = await started(['python3', '-c', script], {
    memoryMiB: 128,
    pidsLimit: 77,
    cpus: 0.5,
    stdin: true,
  });
  await untilText(eater.stdout, 'full');
  const { cpu, memory, pids, io } = await eater.stats();
  const MiB = 1024 * 1024;
  assert.ok(memory !== null && pids !== null && cpu !== null);
  assert.ok(memory.workingSetBytes >= 50 * MiB, `${memory.workingSetBytes}`);
  assert.ok(memory.currentBytes >= memory.workingSetBytes && memory.currentBytes < 128 * MiB);
  assert.ok(memory.peakBytes !== null && memory.peakBytes >= memory.currentBytes);
  assert.deepEqual([memory.limitBytes, memory.oomKills], [128 * MiB, 0]);
  assert.deepEqual(pids, { current: 1, limit: 77 });
  assert.ok(cpu.usageUs > 50_000 && cpu.usageUs >= cpu.userUs, JSON.stringify(cpu));
  assert.ok(cpu.throttledUs !== null && cpu.throttledPeriods !== null);
  assert.ok(io === null || io.writeBytes === 0);

  const stats = await pod.stats();
  assert.deepEqual(
    stats.containers.map(({ containerId }) => containerId).sort(),
    ['box', eater.id].sort(),
  );
  const { vm, host } = stats;
  const { memoryMiB, cpus } = await pod.status();
  assert.equal(vm.cpus, cpus);
  assert.ok(vm.memoryTotalBytes < memoryMiB * MiB && vm.memoryTotalBytes > memoryMiB * MiB * 0.7);
  assert.ok(vm.memoryAvailableBytes < vm.memoryTotalBytes - 50 * MiB);
  assert.ok(vm.cpu.usageUs > cpu.usageUs);
  assert.equal(host.pid, e2e.vmPid('shared'));
  assert.ok(host.rssBytes !== null && host.pssBytes !== null && host.cpuUs !== null);
  assert.ok(host.rssBytes > 100 * MiB && host.pssBytes <= host.rssBytes, JSON.stringify(host));
  // What the guest has used, the host has worked for.
  assert.ok(host.cpuUs > cpu.usageUs);
});

test('a process that its limit kills is counted and told', async () => {
  const seen: PodEvent['kind'][] = [];
  const events = pod.events();
  await using small = await started(['sleep', 'infinity'], { memoryMiB: 16 });
  const killed = await small.exec(['python3', '-c', 'bytearray(100 << 20)']);
  assert.equal((await killed.wait()).reason, 'oom');
  assert.equal((await small.stats()).memory?.oomKills, 1);
  for await (const event of events) {
    seen.push(event.kind);
    if (event.kind === 'exec-exited') break;
  }
  const exec = ['exec-started', 'container-oom', 'exec-exited'];
  assert.deepEqual(seen, ['container-created', 'container-started', ...exec]);
});

test('the list of processes is the tree that a container has forked, execs and users with it', async () => {
  await using tree = await started([
    'sh',
    '-c',
    '(sh -c "sleep 1001 & sleep 1002 & wait" & wait) & sleep 1003',
  ]);
  const exec = await tree.exec(['sleep', '1004'], { id: 'nap', user: 'daemon' });
  const list = async () => (await tree.processes()).processes;
  // A fork shows its parent's command until it has executed its own.
  await until('all of it sleeps', async () => {
    const now = await list();
    return [1001, 1002, 1003, 1004].every((argument) =>
      now.some(({ command, state }) => command[1] === `${argument}` && state === 'sleeping'),
    );
  });
  const { processes, total } = await tree.processes();
  assert.equal(total, processes.length);
  const byPid = new Map(processes.map((entry) => [entry.pid, entry]));
  const find = (argument: string) => {
    const found = processes.find(({ command }) => command.join(' ') === `sleep ${argument}`);
    assert.ok(found !== undefined, JSON.stringify(processes));
    return found;
  };
  const [init] = processes;
  assert.deepEqual([init?.processId, init?.uid, init?.command[0]], [tree.id, 0, 'sh']);
  for (const [argument, depth] of [
    ['1001', 3],
    ['1002', 3],
    ['1003', 1],
  ] as const) {
    const ancestors: number[] = [];
    for (let at = byPid.get(find(argument).parentPid); at !== undefined; ) {
      ancestors.push(at.pid);
      at = byPid.get(at.parentPid);
    }
    assert.equal(ancestors.length, depth, JSON.stringify(processes));
    assert.equal(ancestors.at(-1), init?.pid);
    assert.equal(find(argument).processId, null);
  }
  const nap = find('1004');
  assert.deepEqual([nap.processId, nap.uid, nap.state, nap.name], ['nap', 1, 'sleeping', 'sleep']);
  assert.ok(nap.elapsedMs < (init?.elapsedMs ?? 0) && nap.elapsedMs < 60_000);
  await exec.kill('KILL');
  await exec.wait();
  assert.ok((await list()).every(({ processId }) => processId !== 'nap'));
});

test('a paused container that is stopped gets its signals, one that is deleted ends at once', async () => {
  const trap =
    'trap "echo usr" USR1; trap "echo bye; exit 7" TERM; echo ready; while :; do sleep 0.1; done';
  await using polite = await started(['sh', '-c', trap]);
  let output = '';
  polite.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await until('it is ready', () => output === 'ready\n');
  await polite.pause();
  await polite.kill('USR1');
  await assert.rejects(polite.delete(), { code: 'invalid-state', message: /is paused/ });
  const busy = await started(['sh', '-c', 'trap "" TERM; while :; do :; done']);
  await busy.pause();
  const begun = performance.now();
  await busy.delete({ force: true });
  assert.ok(performance.now() - begun < 5_000);
  await assert.rejects(busy.status(), { code: 'not-found' });
  await polite.stop();
  assert.equal((await polite.wait()).code, 7);
  await until('all of it is here', () => output === 'ready\nusr\nbye\n');
});

test('a pod that was paused for some seconds has the right time, and its processes go on', async () => {
  const clock = [
    'python3',
    '-c',
    'import time\nwhile 1: print(time.monotonic(), flush=True); time.sleep(0.1)',
  ];
  await using ticking = await started(clock);
  await untilText(ticking.stdout, '\n');
  ticking.stdout.resume();
  const usage = () => readFileSync(`/proc/${e2e.vmPid('shared')}/stat`, 'utf8').split(' ');
  await pod.pause();
  const cpuBefore = usage()[13];
  assert.equal((await pod.status()).state, 'paused');
  assert.equal((await ticking.status()).state, 'running');
  const record = await runtime.podStatus('shared');
  assert.deepEqual([record.state, record.ownerAlive], ['paused', true]);
  for (const [verb, call] of Object.entries({
    exec: () => box.exec(['true']),
    kill: () => box.kill('CONT'),
    stop: () => box.stop(),
    'delete by force': () => box.delete({ force: true }),
    pause: () => box.pause(),
    processes: () => box.processes(),
    stats: () => box.stats(),
    'statistics of the pod': () => pod.stats(),
    'a new container': () => pod.createContainer({ rootfs: debian, command: ['true'] }),
    start: () => pod.start(),
    'another pause': () => pod.pause(),
  })) {
    const asked = performance.now();
    await assert.rejects(call, { code: 'invalid-state', message: /the pod is paused/ }, verb);
    assert.ok(performance.now() - asked < 1000, verb);
  }
  await sleep(4000);
  assert.equal(usage()[13], cpuBefore, 'a paused VM works');
  await pod.resume();
  const guest = Number(await shOk(box, 'date +%s%3N'));
  const skewMs = Math.abs(guest - Date.now());
  assert.ok(skewMs < 2500, `the clock differs by ${skewMs} ms`);
  assert.equal((await pod.status()).state, 'running');
});

test('paused pods are stopped in order and deleted by force, and nothing is left', async () => {
  const other = await runtime.createPod({ id: 'other' });
  e2e.cleanup(() => other.delete({ force: true }));
  const events: PodEvent[] = [];
  const told = (async () => {
    for await (const event of other.events()) events.push(event);
  })();
  const options = { rootfs: debian, stopSignal: 'SIGINT' } as const;
  const command = ['sh', '-c', 'trap "exit 9" INT; echo ready; while :; do sleep 0.1; done'];
  const container = await other.createContainer({ id: 'inside', ...options, command });
  await container.start();
  await untilText(container.stdout, 'ready');
  await container.pause();
  await other.pause();
  await assert.rejects(other.delete(), { code: 'invalid-state', message: /the pod is paused/ });
  await other.stop();
  assert.deepEqual(await container.wait(), { code: 9, signal: null, reason: 'exited' });
  assert.equal((await other.status()).state, 'stopped');
  // It boots anew; and ends by force where it stands still.
  await other.start();
  await other.pause();
  const vm = e2e.vmPid('other');
  await other.delete({ force: true });
  assert.ok(e2e.processes().every((line) => !line.includes(` ${vm} `)));
  await told;
  assert.deepEqual(
    events.map(({ kind }) => kind),
    [
      ...['container-created', 'pod-started', 'container-started', 'container-paused'],
      // It goes on for its stop signal.
      ...['pod-paused', 'pod-resumed', 'container-resumed', 'container-exited', 'pod-stopped'],
      ...['pod-ready', 'pod-started', 'container-started', 'pod-paused', 'pod-resumed'],
      ...['container-exited', 'pod-stopped', 'container-deleted', 'pod-deleted'],
    ],
  );
});

test('a VM that is killed while it is paused is told as such', async () => {
  const other = await runtime.createPod({ id: 'doomed' });
  e2e.cleanup(() => other.delete({ force: true }));
  const container = await other.createContainer({ rootfs: debian, command: ['sleep', '1000'] });
  await container.start();
  const reading = printed(container);
  reading.catch(() => {});
  await other.pause();
  process.kill(e2e.vmPid('doomed'), 'SIGKILL');
  await assert.rejects(container.wait(), { code: 'unavailable', message: /SIGKILL/ });
  await assert.rejects(reading, { code: 'unavailable' });
  assert.equal((await other.status()).state, 'stopped');
  assert.equal((await container.status()).state, 'stopped');
  await assert.rejects(other.resume(), { code: 'invalid-state', message: /the pod is stopped/ });
  await other.delete();
});
