// Tests of whole traced pods over fakes, whose VMs run the real guest service.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { createTrace } from '../../base/trace/trace.js';
import type { TraceSpan } from '../../base/trace/trace-file.js';
import { anyDirectory, PodWorld } from '../../testing/pod-world.js';

async function runPod(world: PodWorld): Promise<void> {
  const pod = await world.runtime.createPod({ id: 'p' });
  const container = await pod.createContainer({
    id: 'c',
    rootfs: anyDirectory,
    command: ['echo', 'hi'],
    memoryMiB: 2048,
  });
  await container.start();
  assert.equal(await text(container.stdout), 'hi\n');
  await container.wait();
  await pod.delete({ force: true });
}

function only(spans: readonly TraceSpan[], name: string, lane: TraceSpan['lane']): TraceSpan {
  const found = spans.filter((span) => span.name === name && span.lane === lane);
  const [span] = found;
  assert.ok(span !== undefined && found.length === 1, `${found.length} of ${name}`);
  return span;
}

test('each step is a span with its parts, and the guest’s work lies in the call that asked for it', async () => {
  const world = new PodWorld();
  const trace = createTrace();
  await trace.run(() => runPod(world));
  const { spans } = trace;
  const top = spans.filter(({ parentId, lane }) => parentId === null && lane === 'host');
  const steps = top.map(({ name }) => name).filter((name) => name !== 'save-record');
  assert.deepEqual(steps, [
    ...['store', 'guest-image', 'share', 'vm-spawn', 'vm-boot', 'trace-guest', 'personalize'],
    ...['resize', 'container-create', 'container-start', 'trace-guest', 'vm-stop', 'release'],
  ]);
  assert.deepEqual(only(spans, 'container-create', 'host').args, { pod: 'p', container: 'c' });
  const create = only(spans, 'agent-create', 'host');
  const inGuest = only(spans, 'createContainer', 'guest-agent');
  const errorMs = Number(inGuest.args['clockErrorMs']) + 0.1;
  assert.ok(create.beginMs - errorMs <= inGuest.beginMs && inGuest.endMs <= create.endMs + errorMs);
  assert.equal(inGuest.args['pod'], 'p');
  const kernel = only(spans, 'kernel', 'guest-kernel');
  const kernelErrorMs = Number(kernel.args['clockErrorMs']) + 0.1;
  assert.ok(kernel.endMs <= only(spans, 'handshake', 'host').endMs + kernelErrorMs);
  assert.ok(spans.every(({ failed }) => !failed));
  world.assertNothingLeft();
});

test('a pod that nobody traces asks its guest for nothing', async () => {
  const world = new PodWorld();
  await runPod(world);
  assert.ok(!world.faults.calls.includes('agent.trace'));
  world.assertNothingLeft();
});

test('a pod outside of a trace is not in it, one whose end is outside has its guest’s part', async () => {
  const world = new PodWorld();
  const trace = createTrace();
  await trace.run(async () => {});
  await runPod(world);
  assert.deepEqual(trace.spans, []);
  const pod = await trace.run(() => world.runtime.createPod());
  await pod.createContainer({ rootfs: anyDirectory, command: ['true'] });
  await pod.delete({ force: true });
  only(trace.spans, 'createContainer', 'guest-agent');
});

test('a guest that refuses to tell costs its part of the trace and nothing else', async () => {
  const world = new PodWorld();
  const trace = createTrace();
  const counted: string[] = [];
  world.faults.onCall = (_call, name) => {
    counted.push(name);
    if (name === 'agent.trace') throw new Error('it will not');
  };
  await trace.run(() => runPod(world));
  assert.equal(counted.filter((name) => name === 'agent.trace').length, 2);
  assert.deepEqual(
    trace.spans.filter(({ lane }) => lane !== 'host'),
    [],
  );
  assert.deepEqual(
    trace.spans.filter(({ failed }) => failed).map(({ name }) => name),
    ['trace-guest', 'trace-guest'],
  );
  world.assertNothingLeft();
});

test('a boot that could not be told at first is told at the end', async () => {
  const world = new PodWorld();
  const trace = createTrace();
  let asked = 0;
  world.faults.onCall = (_call, name) => {
    if (name === 'agent.trace' && asked++ === 0) throw new Error('not now');
  };
  await trace.run(() => runPod(world));
  only(trace.spans, 'kernel', 'guest-kernel');
  // Nobody had asked when it was called.
  assert.ok(!trace.spans.some(({ name }) => name === 'createContainer'));
});

test('a guest that no longer answers does not keep its pod', async () => {
  const world = new PodWorld();
  const trace = createTrace();
  const pod = await trace.run(() => world.runtime.createPod());
  world.hypervisor.vm.hang();
  await pod.delete({ force: true });
  world.assertNothingLeft();
  only(trace.spans, 'kernel', 'guest-kernel');
});

test('a guest that dies leaves the phases of its boot in the trace', async () => {
  const world = new PodWorld();
  const trace = createTrace();
  await trace.run(async () => {
    const pod = await world.runtime.createPod();
    world.hypervisor.vm.panic();
    await pod.delete({ force: true });
  });
  only(trace.spans, 'kernel', 'guest-kernel');
  world.assertNothingLeft();
});
