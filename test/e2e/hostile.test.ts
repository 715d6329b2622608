// Processes that do their worst in a container of a real VM: it is ended, said by name, and the rest of the pod goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { ContainerOptions } from '../../src/model/options.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { asGuestRoot, powerful } from './guest-root.js';
import { guestState } from './guest-state.js';
import { debian, E2e, shOk, until } from './harness.js';

const e2e = new E2e('hostile');
const runtime = e2e.runtime();
let pod: Pod;
/** The neighbour: what the others do must not harm it. */
let box: Container;

before(async () => {
  pod = await runtime.createPod({ id: 'shared' });
  e2e.cleanup(() => pod.delete({ force: true }));
  const command = ['sleep', 'infinity'];
  box = await pod.createContainer({ rootfs: debian, command, capabilities: powerful });
  await box.start();
});

/** Starts a container of its own that is removed at the end of the test; its output is read away. */
async function start(
  t: { after(step: () => Promise<void>): void },
  script: string,
  options: Partial<ContainerOptions> = {},
): Promise<Container> {
  const command = ['sh', '-c', script];
  const container = await pod.createContainer({ rootfs: debian, command, ...options });
  t.after(() => container.delete({ force: true }));
  await container.start();
  container.stdout.resume();
  container.stderr.resume();
  return container;
}

test('processes that ignore SIGTERM, left their session or lost their parent end with their container', async (t) => {
  // Numbers that only these processes have in their arguments.
  const escapees = (number: number): string => `
    trap '' TERM HUP; setsid sleep ${number}1 & (setsid sleep ${number}2 &)
    python3 -c 'import os; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); os.execvp("sleep", ["sleep", "${number}3"])'`;
  const everyEscapee = [410011, 410012, 410013, 410021, 410022, 410023, 410024];
  const { cgroups } = await guestState(box);
  const container = await start(t, `${escapees(41001)}; echo ready; while :; do sleep 1; done`);
  await once(container.stdout, 'data');
  const exec = await container.exec(['sh', '-c', `${escapees(41002)}; echo ready; sleep 410024`]);
  await once(exec.stdout, 'data');
  const survivors =
    "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep '^sleep 4100'; done; true";
  // A shell may still be on its way to what it executes.
  await until('all are there', async () => {
    const there = await asGuestRoot(box, survivors);
    return everyEscapee.every((number) => there.includes(`sleep ${number}`));
  });
  await container.stop({ graceMs: '300ms' });
  assert.deepEqual(await container.wait(), { code: 137, signal: 'SIGKILL', reason: 'signaled' });
  assert.equal((await exec.wait()).signal, 'SIGKILL');
  assert.equal(await asGuestRoot(box, survivors), '');
  const after = await guestState(box);
  assert.deepEqual([after.cgroups, after.zombies], [cgroups, 0]);
});

test('a fork bomb leaves the host and its neighbour usable, and a stop ends it', async (t) => {
  const bomb = await start(
    t,
    "trap '' TERM; bomb() { bomb | bomb & }; bomb; while :; do sleep 1; done",
  );
  await sleep(5000);
  for (let round = 0; round < 3; round++) {
    const begin = performance.now();
    assert.equal(await shOk(box, 'echo alive'), 'alive');
    const tookMs = performance.now() - begin;
    assert.ok(tookMs < 10_000, `an exec beside it took ${tookMs.toFixed()} ms`);
  }
  const begin = performance.now();
  await bomb.stop({ graceMs: 500 });
  const tookMs = performance.now() - begin;
  assert.ok(tookMs < 25_000, `its stop took ${tookMs.toFixed()} ms`);
  assert.equal((await bomb.wait()).signal, 'SIGKILL');
  await bomb.delete();
  const { zombies, processes } = await guestState(box);
  assert.equal(zombies, 0);
  assert.ok(processes < 200, `${processes} processes are left in the guest`);
});

test('a container without a limit that takes all memory is ended for it, and the agent and its neighbour live', async (t) => {
  const { agentMiB } = await guestState(box);
  const eater = await start(t, 'exec tail /dev/zero');
  assert.deepEqual(await eater.wait(), { code: 137, signal: 'SIGKILL', reason: 'oom' });
  const begin = performance.now();
  assert.equal(await shOk(box, 'echo alive'), 'alive');
  assert.ok(performance.now() - begin < 5000);
  // An exec is told apart from its container, which goes on.
  const host = await start(t, 'exec sleep infinity', { memoryMiB: 32 });
  const exec = await host.exec(['tail', '/dev/zero']);
  assert.deepEqual(await exec.wait(), { code: 137, signal: 'SIGKILL', reason: 'oom' });
  assert.equal((await host.status()).state, 'running');
  const after = await guestState(box);
  assert.ok(after.agentMiB - agentMiB < 16, `${agentMiB} ${after.agentMiB}`);
});

test('containers that fill the VM’s memory with files are refused or ended for it, and all of it comes back', async (t) => {
  // Half of the memory at most is what the files of one container can take.
  const first = await start(
    t,
    'fallocate -l 200M /tmp/a && echo taken; fallocate -l 400M /tmp/b || echo full; exec sleep infinity',
  );
  assert.match(await printedUntil(first, 'full'), /taken\nfull/);
  // What another one writes does not fit beside it.
  const second = await start(t, 'exec dd if=/dev/zero of=/tmp/a bs=4M count=55');
  const { reason } = await second.wait({ signal: AbortSignal.timeout(120_000) });
  assert.equal(reason, 'oom');
  const begin = performance.now();
  await first.stop({ graceMs: 0 });
  const tookMs = performance.now() - begin;
  assert.ok(tookMs < 10_000, `its stop took ${tookMs.toFixed()} ms`);
  await Promise.all([first.delete(), second.delete()]);
  assert.equal(await shOk(box, 'echo alive'), 'alive');
  const { availableMiB } = await guestState(box);
  assert.ok(availableMiB > 250, `only ${availableMiB} MiB came back`);
});

/** What a container has printed when `word` is among it. */
async function printedUntil(container: Container, word: string): Promise<string> {
  let seen = '';
  container.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  const deadline = performance.now() + 60_000;
  while (!seen.includes(word)) {
    assert.ok(performance.now() < deadline, `no ${word} in time: ${seen}`);
    await sleep(20);
  }
  return seen;
}

test('virtc says that a command was killed for want of memory', async () => {
  const { code, stderr } = await e2e.run(['-m', '32m', 'tail', '/dev/zero']);
  assert.deepEqual(
    [code, stderr],
    [
      137,
      'virtc: the command was killed: it needed more memory than it may have\nhint: give it more with --memory\n',
    ],
  );
});
