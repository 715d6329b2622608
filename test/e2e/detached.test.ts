// Pods whose owner is a shim: they outlive whoever has made them, any process of their user can use them, and none is left in the end.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { isVirtcontainersError } from '../../src/base/errors.js';
import { isAlive, type ProcessHandle, processHandle } from '../../src/base/process-handle.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { debian, E2e, printed, shOk, until, untilText } from './harness.js';

const e2e = new E2e('detached');
const runtime = e2e.runtime();

/** Has another process make a pod, which then ends; at the end of the test nothing of it is left. */
async function makeElsewhere(t: TestContext, id: string): Promise<string> {
  t.after(() => runtime.deletePod(id, { force: true }).catch(() => {}));
  const { code, stdout, stderr } = await startElsewhere(id).finished;
  assert.equal(code, 0, stderr);
  return stdout.toString().trim().split('\n').at(-1) ?? '';
}

function startElsewhere(id: string) {
  return e2e.startProgram('detached', [e2e.libRoot, debian, id]);
}

async function open(id: string): Promise<{ pod: Pod; box: Container }> {
  const pod = await runtime.openPod(id);
  return { pod, box: pod.container(`${id}-box`) };
}

/** What a container has printed until now, from its log. */
async function logged(id: string): Promise<string> {
  let text = '';
  for await (const entry of runtime.logs(id, { containerId: `${id}-box` })) {
    if (entry.stream === 'stdout') text += Buffer.from(entry.data).toString();
  }
  return text;
}

async function shimOf(id: string): Promise<ProcessHandle> {
  const { ownerPid, ownerAlive, detached } = await runtime.podStatus(id);
  assert.deepEqual([ownerAlive, detached], [true, true]);
  const handle = processHandle(ownerPid);
  assert.ok(handle !== null);
  return handle;
}

test('a detached pod is used, stopped, started and deleted by others than the process that made it', async (t) => {
  assert.equal(await makeElsewhere(t, 'outlives'), 'made');
  const shim = await shimOf('outlives');
  const { pod, box } = await open('outlives');
  assert.equal((await pod.status()).state, 'running');
  const cat = await box.exec(['cat'], { stdin: true });
  const input = 'x'.repeat(300_000);
  cat.stdin.end(input);
  const { stdout, status } = await printed(cat);
  assert.equal(status.code, 0);
  assert.ok(stdout === input, `${stdout.length} bytes came back`);
  assert.equal(await shOk(box, 'hostname'), 'outlives');
  await until('its log is written', async () => (await logged('outlives')) === 'up\n');
  await pod.stop();
  await until('its log is written', async () => (await logged('outlives')) === 'up\nbye\n');
  assert.deepEqual((await box.status()).exit, { code: 3, signal: null, reason: 'exited' });
  const again = e2e.runtime();
  await (await again.openPod('outlives')).start();
  assert.equal((await again.podStatus('outlives')).state, 'running');
  await assert.rejects(again.deletePod('outlives'), { code: 'invalid-state' });
  await again.deletePod('outlives', { force: true });
  await until('the shim ends', () => !isAlive(shim));
  await e2e.assertNothingLeft();
});

test('a shim has a session, a directory and an environment of its own, and its log among the pod’s', async (t) => {
  await makeElsewhere(t, 'alone');
  const { pid } = await shimOf('alone');
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  assert.equal(Number(stat[3]), pid, 'its session is its own');
  const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').filter(Boolean);
  assert.deepEqual(
    environment.map((entry) => entry.split('=')[0]).filter((name) => name?.startsWith('VIRTC_')),
    [],
  );
  const log = path.join(e2e.libRoot, 'logs/alone/shim.log');
  await until('the log is written', () => existsSync(log) && readFileSync(log, 'utf8') !== '');
  assert.match(readFileSync(log, 'utf8'), /the shim owns the pod/);
  for (const signal of ['SIGHUP', 'SIGINT'] as const) process.kill(pid, signal);
  const { box } = await open('alone');
  assert.equal(await shOk(box, 'echo there'), 'there');
  await runtime.deletePod('alone', { force: true });
  await e2e.assertNothingLeft();
});

test('a shim that is asked to end stops its containers in order; the pod can only be deleted then', async (t) => {
  await makeElsewhere(t, 'asked');
  const shim = await shimOf('asked');
  process.kill(shim.pid, 'SIGTERM');
  await until('the shim ends', async () => !(await runtime.podStatus('asked')).ownerAlive);
  assert.ok(!isAlive(shim));
  const status = await runtime.podStatus('asked');
  assert.deepEqual(
    [status.state, status.ownerAlive, status.containers[0]?.exit?.code],
    ['stopped', false, 3],
  );
  await assert.rejects(runtime.openPod('asked'), { code: 'unavailable' });
  await runtime.deletePod('asked');
  await e2e.assertNothingLeft();
});

test('a shim that is killed takes its VM with it, callers are told, and gc removes the rest', async (t) => {
  await makeElsewhere(t, 'killed');
  const shim = await shimOf('killed');
  const { pod, box } = await open('killed');
  const waiting = box.wait();
  const told = assert.rejects(waiting, { code: 'unavailable' });
  process.kill(shim.pid, 'SIGKILL');
  await told;
  await assert.rejects(pod.status(), { code: 'unavailable' });
  await assert.rejects(runtime.openPod('killed'), (error) => {
    assert.ok(isVirtcontainersError(error) && error.code === 'unavailable');
    assert.match(error.hint ?? '', /deletePod\('killed'\)/);
    return true;
  });
  assert.equal(await logged('killed'), 'up\n');
  assert.deepEqual((await runtime.gc()).removed, ['killed']);
  await e2e.assertNothingLeft();
});

test('a shim that stands still is ended by a delete by force, and by no other', {
  timeout: 120_000,
}, async (t) => {
  await makeElsewhere(t, 'stands');
  const shim = await shimOf('stands');
  process.kill(shim.pid, 'SIGSTOP');
  await assert.rejects(runtime.deletePod('stands'), { code: 'unavailable' });
  assert.ok(isAlive(shim));
  await runtime.deletePod('stands', { force: true });
  assert.ok(!isAlive(shim));
  await e2e.assertNothingLeft();
});

test('whoever is killed before its pod is ready leaves nothing', async () => {
  for (const step of ['store end', 'vm-spawn begin', 'personalize begin']) {
    const { child, finished } = startElsewhere('unborn');
    await untilText(child.stdout, step);
    child.kill('SIGKILL');
    await finished;
    await e2e.assertNothingLeft();
  }
});

test('an abort before the pod is ready leaves nothing', async () => {
  const abort = new AbortController();
  const creating = runtime.createPod({
    detached: true,
    signal: abort.signal,
    onProgress: ({ step }) => {
      if (step === 'vm-spawn') abort.abort();
    },
  });
  await assert.rejects(creating, { name: 'AbortError' });
  await e2e.assertNothingLeft();
});

test('of two processes that make a pod of one id one has it, and both can delete it', async (t) => {
  const said = await Promise.all([makeElsewhere(t, 'raced'), makeElsewhere(t, 'raced')]);
  const [made, failed] = said.sort((a) => (a === 'made' ? -1 : 1));
  assert.equal(made, 'made');
  assert.match(failed ?? '', /^failed: already-exists: cannot create pod raced: /);
  const { box } = await open('raced');
  const exec = box.exec(['sleep', '100']).then(
    (process) => process.wait(),
    (error: unknown) => error,
  );
  const deletes = [runtime, e2e.runtime()].map((one) => one.deletePod('raced', { force: true }));
  await Promise.all(deletes);
  await exec.catch(() => {});
  await assert.rejects(runtime.openPod('raced'), { code: 'not-found' });
  await e2e.assertNothingLeft();
});

test('another user can reach neither socket', async (t) => {
  await makeElsewhere(t, 'private');
  const directory = path.join(e2e.runRoot, 'pods/private');
  const script = `
    const net = require('node:net');
    for (const name of ['pod.sock', 'io.sock'])
      net.connect(process.argv[1] + '/' + name).on('error', (e) => console.log(e.code)).on('connect', () => console.log('connected'));
  `;
  const args = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
  const { stdout, stderr } = await e2e.start('setpriv', [...args, '--eval', script, directory], {
    cwd: '/',
  }).finished;
  assert.deepEqual(stdout.toString().trim().split('\n'), ['EACCES', 'EACCES'], stderr);
  await runtime.deletePod('private', { force: true });
  await e2e.assertNothingLeft();
});

test('a pod that a program owns is used and deleted by another, and stays in the program’s hands', async (t) => {
  const owner = e2e.startProgram('owner', [e2e.libRoot, debian, 'owned']);
  t.after(() => owner.child.kill('SIGKILL'));
  await untilText(owner.child.stdout, 'ready');
  const pod = await runtime.openPod('owned');
  const { detached, ownerPid } = await pod.status();
  assert.deepEqual([detached, ownerPid], [false, owner.child.pid]);
  const [box] = pod.containers;
  assert.ok(box !== undefined);
  assert.equal(await shOk(box, 'echo there'), 'there');
  await runtime.deletePod('owned', { force: true });
  await owner.finished;
  await e2e.assertNothingLeft();
});
