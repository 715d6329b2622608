// VMs that hang or die under whatever the library is doing: every call ends in time with an error that has a name, and nothing is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { debian, E2e, until, untilText } from './harness.js';
import { settled } from './settled.js';

const e2e = new E2e('lost-vms');
const runtime = e2e.runtime();

/** A pod with a container that runs; deleted at the end of the test. */
async function makePod(
  t: { after(step: () => Promise<void>): void },
  id: string,
): Promise<{ pod: Pod; box: Container }> {
  const pod = await runtime.createPod({ id });
  t.after(() => pod.delete({ force: true }));
  const box = await pod.createContainer({ rootfs: debian, command: ['sleep', 'infinity'] });
  await box.start();
  return { pod, box };
}

/** Stops the VM's process: QEMU neither answers nor ends by itself. */
function freeze(id: string): void {
  process.kill(e2e.vmPid(id), 'SIGSTOP');
}

/** A signal that the guest does not take, an orderly end that QEMU does not take, then force; a busy machine in addition. */
const forcedEndMs = 20_000;

test('a pod whose VM hangs is stopped in time, and what waited for it is told', async (t) => {
  const { pod, box } = await makePod(t, 'hung-stop');
  const cat = await box.exec(['cat'], { stdin: true });
  freeze('hung-stop');
  const waiting = [
    settled('box.wait', box.wait(), 60_000),
    settled('cat.wait', cat.wait(), 60_000),
    settled('a new exec', box.exec(['true']), 60_000),
    settled('a new container', pod.createContainer({ rootfs: debian, command: ['true'] }), 60_000),
  ];
  // A process that is lost takes signals as one that has ended.
  const signal = settled('a signal', cat.kill('SIGTERM'), 60_000);
  const stop = await settled('container.stop', box.stop({ graceMs: 500 }), forcedEndMs);
  assert.ok(stop.kind === 'error' && stop.error.code === 'timeout', JSON.stringify(stop));
  assert.equal((await box.status()).state, 'running', 'nobody knows that it has ended');
  assert.equal((await settled('pod.stop', pod.stop(), forcedEndMs)).kind, 'value');
  await signal;
  for (const outcome of await Promise.all(waiting)) {
    assert.equal(outcome.kind, 'error');
    if (outcome.kind === 'error')
      assert.match(outcome.error.code, /^(unavailable|timeout|invalid-state)$/);
  }
  assert.deepEqual(
    [(await pod.status()).state, (await box.status()).state],
    ['stopped', 'stopped'],
  );
  await pod.delete();
  await e2e.assertNothingLeft();
});

test('a pod whose VM hangs is deleted by force in time', async (t) => {
  const { pod, box } = await makePod(t, 'hung-delete');
  freeze('hung-delete');
  const wait = settled('box.wait', box.wait(), 60_000);
  assert.equal((await settled('delete', pod.delete({ force: true }), forcedEndMs)).kind, 'value');
  assert.equal((await wait).kind, 'error');
  await e2e.assertNothingLeft();
});

for (const [what, template] of [
  ['boots', false],
  ['starts as a clone', true],
] as const) {
  test(`a VM that hangs while it ${what} is given up with the caller`, async () => {
    await runtime.templates.build();
    const abort = new AbortController();
    let isFrozen = false;
    const creating = runtime.createPod({
      id: 'hung-start',
      template,
      signal: abort.signal,
      onProgress: ({ step, phase }) => {
        if (step !== 'vm-boot' || phase !== 'begin') return;
        freeze('hung-start');
        isFrozen = true;
      },
    });
    await until('it has hung', () => isFrozen);
    await sleep(500);
    abort.abort();
    const outcome = await settled('createPod', creating, forcedEndMs);
    assert.ok(outcome.kind === 'error' && outcome.error.name === 'AbortError');
    await e2e.assertNothingLeft();
  });
}

test('^C twice ends a virtc run whose VM hangs, with 137, and nothing is left', async () => {
  const args = ['run', '--rootfs', debian, '--name', 'hung-run', '--'];
  const run = e2e.startVirtc([...args, 'sh', '-c', 'echo ready; exec sleep 1000']);
  await untilText(run.child.stdout, 'ready');
  freeze('hung-run');
  run.child.kill('SIGINT');
  await sleep(300);
  const begin = performance.now();
  run.child.kill('SIGINT');
  const { code } = await run.finished;
  assert.equal(code, 137);
  assert.ok(performance.now() - begin < forcedEndMs);
  await e2e.assertNothingLeft();
});
