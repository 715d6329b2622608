// What goes wrong on purpose: each fault gives its error in time, and nothing is left after it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isVirtcontainersError, type VirtcontainersError } from '../../src/base/errors.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { endAsGuestRoot, mountCommand, powerful } from './guest-root.js';
import { debian, E2e, type Running, shOk, until, untilText } from './harness.js';

const e2e = new E2e('faults');
const runtime = e2e.runtime();

/** The caller knows within this time. */
const knowsWithinMs = 2000;

/** A pod with a container that runs for long, removed at the end of the test. */
async function makePod(
  t: { after(step: () => Promise<void>): void },
  id: string,
  capabilities?: readonly string[],
): Promise<{ pod: Pod; box: Container }> {
  const pod = await runtime.createPod({ id });
  t.after(() => pod.delete({ force: true }));
  const box = await pod.createContainer({
    rootfs: debian,
    command: ['sleep', 'infinity'],
    ...(capabilities === undefined ? {} : { capabilities }),
  });
  await box.start();
  return { pod, box };
}

/** Waits for the failure that a dead VM gives, and checks that it came in time. */
async function lossOf(waiting: Promise<unknown>, since: number): Promise<VirtcontainersError> {
  const error = await waiting.then(
    () => assert.fail('it ended as if nothing had happened'),
    (failure: unknown) => failure,
  );
  const tookMs = performance.now() - since;
  assert.ok(isVirtcontainersError(error), String(error));
  assert.equal(error.code, 'unavailable', error.message);
  assert.ok(tookMs < knowsWithinMs, `it took ${tookMs.toFixed()} ms to know`);
  return error;
}

/** After the loss everything answers, the pod is stopped, and deleting leaves nothing. */
async function assertDeadAndDeletable(pod: Pod, box: Container): Promise<void> {
  assert.equal((await pod.status()).state, 'stopped');
  assert.equal((await box.status()).state, 'stopped');
  await assert.rejects(box.exec(['true']), isVirtcontainersError);
  await pod.stop();
  await pod.delete();
  await pod.delete();
  await e2e.assertNothingLeft();
}

test('QEMU killed: every wait rejects in time, streams end, the pod is stopped and can be deleted', async (t) => {
  const { pod, box } = await makePod(t, 'qemu-killed');
  const extra = await box.exec(['cat'], { stdin: true });
  const waits = [box.wait(), extra.wait()];
  const since = performance.now();
  process.kill(e2e.vmPid('qemu-killed'), 'SIGKILL');
  for (const wait of waits) {
    assert.match((await lossOf(wait, since)).message, /SIGKILL/);
  }
  await until('the streams end', () => extra.stdout.destroyed || extra.stdout.readableEnded, 5000);
  await assertDeadAndDeletable(pod, box);
});

test('QEMU killed during a start of a pod that was stopped: it boots anew', async (t) => {
  const { pod, box } = await makePod(t, 'boots-anew');
  process.kill(e2e.vmPid('boots-anew'), 'SIGKILL');
  await box.wait().catch(() => {});
  await until('it counts as stopped', async () => (await pod.status()).state === 'stopped', 5000);
  await box.start();
  assert.equal(await shOk(box, 'echo again'), 'again');
  await pod.delete({ force: true });
  await e2e.assertNothingLeft();
});

test('the guest’s kernel panics: the caller knows in time, with the console’s last lines', async (t) => {
  const { pod, box } = await makePod(t, 'panic', powerful);
  await shOk(box, mountCommand({ type: 'proc', target: '/mnt' }));
  const wait = box.wait();
  // The delay tells when it panics: an exec may be slow on a busy host, and its answer may be lost in the panic.
  const trigger = await box.exec(['sh', '-c', 'sleep 1; echo c > /mnt/sysrq-trigger']);
  const since = performance.now() + 1000;
  const error = await lossOf(wait, since);
  assert.match(error.message, /panic/);
  assert.match(String(error.details['consoleTail']), /Kernel panic/);
  await assert.rejects(trigger.wait(), { code: 'unavailable' });
  await assertDeadAndDeletable(pod, box);
});

// Overwrites the agent's C library in memory: the next thing that it does kills it.
const killAgent = `
  range=$(grep 'r-xp.*/libc[.-]' /proc/1/maps | head -n 1 | cut -d' ' -f1)
  from=$((0x\${range%-*} / 4096)); to=$((0x\${range#*-} / 4096))
  dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$from count=$((to - from)) conv=notrunc`;

test('the agent is killed: the caller knows in time, with the console’s last lines', async (t) => {
  const { pod, box } = await makePod(t, 'agent-killed', powerful);
  const wait = box.wait();
  // Its own end cannot be told any more.
  void endAsGuestRoot(box, killAgent).catch(() => {});
  const error = await wait.then(
    () => assert.fail('the container ended as if nothing had happened'),
    (failure: unknown) => failure,
  );
  assert.ok(isVirtcontainersError(error) && error.code === 'unavailable', String(error));
  assert.match(String(error.details['consoleTail']), /Attempted to kill init/);
  await assertDeadAndDeletable(pod, box);
});

const ownerProgram = path.join(path.dirname(fileURLToPath(import.meta.url)), 'programs/owner.js');

function startOwner(id: string): Running {
  const args = [ownerProgram, e2e.runRoot, e2e.libRoot, debian, id];
  return e2e.start(process.execPath, args);
}

for (const [moment, line] of [
  ['booting', 'vm-boot begin'],
  ['creating the container', 'container-create begin'],
  ['running', 'ready'],
] as const) {
  test(`the owner is killed while ${moment}: its VM dies with it, gc removes the rest`, async () => {
    const id = `owner-${line.replaceAll(' ', '-')}`;
    const owner = startOwner(id);
    await untilText(owner.child.stdout, line);
    owner.child.kill('SIGKILL');
    await owner.finished;
    await until('no process is left', () => e2e.processes().length === 0, 5000);
    const orphan = await runtime.podStatus(id);
    assert.equal(orphan.ownerAlive, false);
    const { removed, failed } = await runtime.gc();
    assert.deepEqual([removed, failed], [[id], []]);
    await e2e.assertNothingLeft();
    assert.deepEqual(await runtime.gc(), { removed: [], failed: [] });
  });
}

test('what an owner left that died before its first record is collected', async () => {
  const directory = path.join(e2e.runRoot, 'pods/half');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(directory, 'lock'), '', { mode: 0o600 });
  assert.deepEqual(await runtime.gc(), { removed: ['half'], failed: [] });
  await e2e.assertNothingLeft();
});

test('a live pod of another process is left alone by gc and refused to be taken', async () => {
  const owner = startOwner('alive');
  await untilText(owner.child.stdout, 'ready');
  assert.deepEqual((await runtime.gc()).removed, []);
  assert.equal((await runtime.podStatus('alive')).ownerAlive, true);
  await assert.rejects(runtime.createPod({ id: 'alive' }), { code: 'already-exists' });
  owner.child.kill('SIGTERM');
  await owner.finished;
  await until('no process is left', () => e2e.processes().length === 0, 5000);
  await runtime.deletePod('alive', { force: true });
  await e2e.assertNothingLeft();
});

for (const [title, content] of [
  ['cut off', '{"version":1,'],
  ['of something else', '[]'],
  ['of a newer version', '{"version":99}'],
  ['empty', ''],
] as const) {
  test(`a record that is ${title} is an error that names the file, and can be deleted by force`, async () => {
    const directory = path.join(e2e.runRoot, 'pods/corrupt');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(path.join(directory, 'record.json'), content, { mode: 0o600 });
    await assert.rejects(runtime.podStatus('corrupt'), /record\.json/);
    const listed = await runtime.listPods();
    assert.ok(listed.some((entry) => entry.id === 'corrupt' && 'error' in entry));
    await assert.rejects(runtime.deletePod('corrupt'), isVirtcontainersError);
    await runtime.deletePod('corrupt', { force: true });
    await e2e.assertNothingLeft();
  });
}

test('KVM is used only where the processor has it; asking for it elsewhere is an error that says why', async (t) => {
  const hasVirtualization = /^flags\s*:.*\b(vmx|svm)\b/m.test(
    readFileSync('/proc/cpuinfo', 'utf8'),
  );
  const usable = hasVirtualization && existsSync('/dev/kvm');
  const { pod } = await makePod(t, 'accelerator');
  const { accelerator } = await pod.status();
  // Where the flag is there a probe decides; without it a device that opens proves nothing.
  if (!usable) assert.equal(accelerator, 'tcg');
  await pod.delete({ force: true });
  const asking = e2e.runtime({ accelerator: 'kvm' }).createPod({ id: 'wants-kvm' });
  if (accelerator === 'kvm') {
    await (await asking).delete({ force: true });
  } else {
    await assert.rejects(asking, { message: /KVM/i });
  }
  await e2e.assertNothingLeft();
});
