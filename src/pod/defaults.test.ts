// Tests that configured defaults reach pods and containers, and that options win over them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createRuntime } from '../create-runtime.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';
import { LocalContainer } from './local-container.js';

const configured = {
  cpus: 2,
  memoryMiB: 1024,
  template: true,
  pidsLimit: 77,
  stopGraceMs: 30,
  writes: 'host',
} as const;

test('a pod and its containers are as the defaults say', async () => {
  const world = new PodWorld({ defaults: configured });
  const pod = await world.runtime.createPod();
  const { cpus, memoryMiB } = await pod.status();
  assert.deepEqual({ cpus, memoryMiB }, { cpus: 2, memoryMiB: 1024 });
  const container = await pod.createContainer({ rootfs: anyDirectory, command: ['stubborn'] });
  assert.ok(container instanceof LocalContainer);
  assert.equal(container.config.resources.pids, 77);
  assert.equal(container.config.rootfs.writes, 'host');
  // It ignores its stop signal: the grace of ten seconds would be noticed.
  await container.start();
  const begin = performance.now();
  await container.stop();
  assert.ok(performance.now() - begin < 5_000);
  assert.equal((await container.wait()).signal, 'SIGKILL');
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a container that the pod runs at once has the defaults too', async () => {
  const world = new PodWorld({ defaults: configured });
  const pod = await world.runtime.createPod();
  const run = pod.run({ id: 'once', rootfs: anyDirectory, command: ['stubborn'] });
  run.catch(() => {});
  let container: unknown;
  for (let turn = 0; turn < 1000 && container === undefined; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      container = pod.container('once');
    } catch {
      // Not yet.
    }
  }
  assert.ok(container instanceof LocalContainer);
  assert.equal(container.config.resources.pids, 77);
  assert.equal(container.config.rootfs.writes, 'host');
  await pod.delete({ force: true });
  // Killed, or lost with its VM.
  await Promise.allSettled([run]);
  world.assertNothingLeft();
});

test('stopping the pod gives its containers that grace', async () => {
  const world = new PodWorld({ defaults: configured });
  const pod = await world.runtime.createPod();
  const container = await pod.createContainer({ rootfs: anyDirectory, command: ['stubborn'] });
  await container.start();
  const begin = performance.now();
  await pod.stop();
  assert.ok(performance.now() - begin < 5_000);
  await pod.delete();
  world.assertNothingLeft();
});

test('a plan has the defaults too', async () => {
  const world = new PodWorld({ defaults: configured });
  const container = { rootfs: anyDirectory, command: ['true'] };
  const plan = await world.runtime.planPod({}, [container]);
  const builtIn = await new PodWorld().runtime.planPod({}, [container]);
  assert.deepEqual(plan.vm.size, { cpus: 2, memoryMiB: 1024 });
  const text = JSON.stringify(plan.containers);
  assert.match(text, /"limit":77[,}]/);
  assert.doesNotMatch(JSON.stringify(builtIn.containers), /"limit":77[,}]/);
});

test('options win over the defaults', async () => {
  const world = new PodWorld({ defaults: configured });
  const pod = await world.runtime.createPod({ cpus: 1, memoryMiB: 512 });
  const { cpus, memoryMiB } = await pod.status();
  assert.deepEqual({ cpus, memoryMiB }, { cpus: 1, memoryMiB: 512 });
  const container = await pod.createContainer({
    rootfs: { kind: 'directory', path: anyDirectory, writes: 'discard' },
    command: ['true'],
    pidsLimit: 9,
  });
  assert.ok(container instanceof LocalContainer);
  assert.deepEqual(
    [container.config.resources.pids, container.config.rootfs.writes],
    [9, 'discard'],
  );
  await pod.delete({ force: true });
});

test('a runtime reads its configuration file at first use, and again after a mistake in it', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-runtime-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const configFile = path.join(folder, 'config.toml');
  const runtime = createRuntime({ configFile, libRoot: folder });
  await assert.rejects(runtime.listPods(), { code: 'not-found', message: /no such file$/ });
  writeFileSync(configFile, 'runroot = "/x"', { mode: 0o600 });
  await assert.rejects(runtime.listPods(), { hint: 'did you mean `run_root`?' });
  writeFileSync(configFile, `run_root = ${JSON.stringify(path.join(folder, 'run'))}`);
  assert.deepEqual(await runtime.listPods(), []);
});
