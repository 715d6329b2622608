// The library in real VMs: the life of pods and containers, their states, refusals and aborts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { before, test } from 'node:test';
import type { Container, Pod } from '../../src/model/pod.js';
import type { ProgressEvent } from '../../src/model/progress.js';
import { debian, E2e, shOk, startAndPrint } from './harness.js';

const e2e = new E2e('library');
const progress: ProgressEvent[] = [];
const runtime = e2e.runtime({ onProgress: (event) => progress.push(event) });
let pod: Pod;
/** Runs for the whole file; tests exec in it. */
let box: Container;

before(async () => {
  ({ pod, box } = await e2e.sharedPod(runtime, { labels: { purpose: 'tests' } }));
});

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

test('a container is stopped by its signal, by force after the grace, and goes on where the grace is given up', async () => {
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
  const giveUp = new AbortController();
  setTimeout(() => giveUp.abort(), 500);
  const stopping = stubborn.stop({ graceMs: '60s', signal: giveUp.signal });
  await assert.rejects(stopping, { name: 'AbortError' });
  assert.equal((await stubborn.status()).state, 'running');
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

test('containers of one root go and start again in any order, and the others keep all their files', async () => {
  const make = (command: readonly string[]) => pod.createContainer({ rootfs: debian, command });
  const oldest = await make(['true']);
  const running = await make(['sleep', 'infinity']);
  const newest = await make(['python3', '-c', 'print("newest")']);
  await running.start();
  for (let round = 0; round < 2; round++) {
    assert.equal((await startAndPrint(oldest)).status.code, 0);
  }
  await oldest.delete();
  // Files that it has not touched yet, in directories that nobody has looked into.
  assert.equal(await shOk(running, 'python3 -c "import json, decimal; print(json.dumps(1))"'), '1');
  assert.equal((await startAndPrint(newest)).stdout, 'newest\n');
  await running.delete({ force: true });
  assert.equal((await startAndPrint(newest)).stdout, 'newest\n');
  await newest.delete();
  const after = await make(['sh', '-c', 'ls /usr/share | wc -l']);
  assert.equal((await startAndPrint(after)).status.code, 0);
  await after.delete();
});

test('a root inside another one is a root of its own', async () => {
  const inside = await pod.createContainer({
    rootfs: `${debian}/usr`,
    command: ['/bin/ls', '/bin/env'],
  });
  assert.equal((await startAndPrint(inside)).stdout, '/bin/env\n');
  await inside.delete();
  const whole = await pod.createContainer({ rootfs: debian, command: ['ls', '/usr/bin/env'] });
  assert.equal((await startAndPrint(whole)).stdout, '/usr/bin/env\n');
  await whole.delete();
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
    template: false,
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
