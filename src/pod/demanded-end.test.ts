// Tests of ends by time and by signal: all that came from a process is ended first, what it printed is kept, faults are told.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Agent } from '../host/agent/agent.js';
import { TtrpcAgent } from '../host/agent/ttrpc-agent.js';
import type { UnfinishedResult } from '../model/process-result.js';
import type { FakeProgram } from '../testing/fake-programs.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

interface Told {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly cause: unknown;
  readonly details: {
    readonly result: UnfinishedResult;
    readonly exit?: unknown;
    readonly failedCleanups?: readonly string[];
    readonly consoleTail?: string;
  };
}

/** Says that it runs and ignores SIGTERM. */
const loud: FakeProgram = ({ stdout, onSignal }) => {
  onSignal(15, () => {});
  stdout.write('started\n');
  return new Promise(() => {});
};
const programs = { loud };

async function started() {
  const world = new PodWorld({ crun: { programs } });
  const pod = await world.runtime.createPod({ id: 'p' });
  const container = await pod.createContainer({
    id: 'c',
    rootfs: anyDirectory,
    command: ['sleep'],
  });
  await container.start();
  const guest = world.hypervisor.vm.crun.containers.get('c');
  assert.ok(guest !== undefined);
  const end = async (): Promise<void> => {
    await pod.delete({ force: true });
    world.assertNothingLeft();
  };
  return { world, pod, container, guest, end };
}

const errorOf = (promise: Promise<unknown>): Promise<Told> =>
  promise.then(
    () => assert.fail('it must not end well'),
    (error: Told) => error,
  );

test('a run whose time is over rejects when nothing of it is left, with what it had printed', async () => {
  const { container, guest, end } = await started();
  const run = container.run(['parent'], { id: 'x', timeoutMs: '40ms' });
  const error = await errorOf(run);
  assert.equal(guest.running, 1, 'only init is left');
  assert.equal(error.code, 'timeout');
  assert.equal(
    error.message,
    'cannot finish "parent" (process x of container c): it was ended after 40 ms',
  );
  const { stdout, exit, truncated, command } = error.details.result;
  assert.deepEqual(
    { stdout, exit, truncated, command },
    {
      stdout: 'started\n',
      exit: { code: 143, signal: 'SIGTERM', reason: 'signaled' },
      truncated: false,
      command: ['parent'],
    },
  );
  assert.equal(error.details.failedCleanups, undefined);
  await end();
});

test('an aborted run rejects as every call does, and when nothing of it is left', async () => {
  const { container, guest, end } = await started();
  const controller = new AbortController();
  const run = container.run(['parent'], { signal: controller.signal });
  await pause(30);
  controller.abort('enough');
  const error = await errorOf(run);
  assert.equal(guest.running, 1);
  assert.deepEqual(
    [error.name, error.code, error.cause, error.details.result.stdout],
    ['AbortError', 'cancelled', 'enough', 'started\n'],
  );
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  await end();
});

test('what does not end by the first signal is killed after the grace, and not before', async () => {
  const { container, guest, end } = await started();
  for (const command of [['stubborn'], ['parent', 'stubborn'], ['parent', 'stubborn', 'free']]) {
    const begun = performance.now();
    const run = container.run(command, { timeoutMs: 20, killGraceMs: '200ms' });
    const { details } = await errorOf(run);
    const tookMs = performance.now() - begun;
    assert.ok(tookMs >= 219 && tookMs < 3_000, `${tookMs} ms`);
    const { signal } = details.result.exit ?? {};
    assert.equal(signal, command.length === 1 ? 'SIGKILL' : 'SIGTERM');
    assert.equal(guest.running, 1);
  }
  await end();
});

test('the first signal can be another one, or SIGKILL at once', async () => {
  const { container, end } = await started();
  const signalOf = async (options: object): Promise<unknown> => {
    const run = container.run(['stubborn'], { timeoutMs: 20, ...options });
    return (await errorOf(run)).details.result.exit?.signal;
  };
  assert.equal(await signalOf({ killSignal: 'SIGINT' }), 'SIGINT');
  const begun = performance.now();
  assert.equal(await signalOf({ killGraceMs: 0 }), 'SIGKILL');
  assert.equal(await signalOf({ killSignal: 'SIGKILL' }), 'SIGKILL');
  assert.ok(performance.now() - begun < 3_000);
  await end();
});

test('an exec is ended in the same way: whoever waits is told, now and later', async () => {
  const { container, guest, end } = await started();
  const timed = await container.exec(['parent'], { timeoutMs: 30 });
  const [first, output] = await Promise.all([errorOf(timed.wait()), errorOf(timed.output())]);
  assert.deepEqual(first.details.exit, { code: 143, signal: 'SIGTERM', reason: 'signaled' });
  assert.equal(output.details.result.stdout, 'started\n');
  assert.equal((await errorOf(timed.wait())).code, 'timeout');
  const controller = new AbortController();
  const aborted = await container.exec(['sleep'], { signal: controller.signal });
  controller.abort('enough');
  assert.equal((await errorOf(aborted.wait())).cause, 'enough');
  assert.equal(guest.running, 1);
  await end();
});

test('an end by time also comes for what a process has left behind with its output', async () => {
  const { container, guest, end } = await started();
  const process = await container.exec(['daemon', 'holding'], { timeoutMs: 100 });
  const output = errorOf(process.output());
  assert.equal((await process.wait()).code, 0);
  assert.equal(guest.running, 2);
  const error = await output;
  assert.equal(error.code, 'timeout');
  assert.equal(error.details.result.exit?.code, 0);
  assert.equal(guest.running, 1);
  await end();
});

test('a process that ends in time is none of the clock’s business, nor of the signal’s', async () => {
  const { container, guest, end } = await started();
  const controller = new AbortController();
  const options = { timeoutMs: 60, signal: controller.signal };
  assert.equal((await container.run(['exit', '4'], options)).code, 4);
  const daemon = await container.exec(['daemon'], options);
  await daemon.output();
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  await pause(100);
  controller.abort();
  assert.equal((await daemon.wait()).code, 0);
  assert.equal(guest.running, 2, 'what it has left behind goes on');
  await end();
});

test('a signal that has fired already, or fires while the guest makes the process, leaves none', async () => {
  const { world, container, guest, end } = await started();
  await assert.rejects(container.run(['parent'], { signal: AbortSignal.abort('no') }), {
    name: 'AbortError',
    cause: 'no',
  });
  const controller = new AbortController();
  world.faults.onCall = (_, name) => {
    if (name === 'agent.exec') queueMicrotask(() => controller.abort('no'));
  };
  await assert.rejects(container.run(['parent'], { signal: controller.signal }), { cause: 'no' });
  assert.equal(guest.running, 1);
  await end();
});

test('a VM that dies at any point of a run is told, with what had been printed', async () => {
  for (const options of [{}, { timeoutMs: 40, killGraceMs: '60s' }] as const) {
    const { world, container, end } = await started();
    const run = errorOf(container.run(['loud'], options));
    await pause(80);
    world.hypervisor.vm.panic();
    const error = await run;
    assert.equal(error.code, 'unavailable', error.message);
    assert.match(String(error.details.consoleTail), /the last line/);
    assert.deepEqual([error.details.result.stdout, error.details.result.exit], ['started\n', null]);
    await end();
  }
});

/** Lets calls of `signalAll` fail, by number from 1; gives the signals that were asked for. */
function failSignals(t: { mock: { method: (...args: never[]) => unknown } }, failing: number[]) {
  const asked: number[] = [];
  const real = TtrpcAgent.prototype.signalAll;
  const fake: Agent['signalAll'] = async function (this: TtrpcAgent, process, signal, options) {
    asked.push(signal.number);
    if (failing.includes(asked.length)) throw new Error('injected');
    return await real.call(this, process, signal, options);
  };
  t.mock.method(...([TtrpcAgent.prototype, 'signalAll', fake] as never[]));
  return asked;
}

test('where the first signal fails, SIGKILL still comes', async (t) => {
  const { container, guest, end } = await started();
  const asked = failSignals(t, [1]);
  const error = await errorOf(container.run(['parent'], { timeoutMs: 20 }));
  assert.deepEqual([error.code, error.details.failedCleanups], ['timeout', undefined]);
  assert.deepEqual(asked, [15, 9]);
  assert.equal(guest.running, 1);
  await end();
});

test('where every signal fails, the run still rejects, and says that something may be left', async (t) => {
  const { container, end } = await started();
  failSignals(t, [1, 2]);
  const error = await errorOf(container.run(['parent'], { timeoutMs: 20 }));
  assert.equal(error.code, 'timeout');
  assert.match(String(error.details.failedCleanups), /injected/);
  assert.deepEqual([error.details.result.stdout, error.details.result.exit], ['started\n', null]);
  await end();
});

test('a guest that does not answer delays an end by no more than its bounds', async () => {
  const { world, container, end } = await started();
  const run = errorOf(container.run(['parent'], { timeoutMs: 100, killGraceMs: 100 }));
  await pause(50);
  world.hypervisor.vm.hang();
  const begun = performance.now();
  const error = await run;
  assert.equal(error.code, 'timeout');
  assert.ok(error.details.failedCleanups !== undefined, 'something may be left');
  // 5 s and the grace for the first signal, 5 s for SIGKILL.
  assert.ok(performance.now() - begun < 12_000);
  await end();
});

test('what stands still is ended by SIGKILL, which needs no processor', async () => {
  const { container, guest, end } = await started();
  const run = errorOf(container.run(['parent'], { timeoutMs: 80, killGraceMs: 50 }));
  await pause(30);
  await container.pause();
  const { code, details } = await run;
  assert.deepEqual([code, details.result.exit?.signal], ['timeout', 'SIGKILL']);
  assert.equal(guest.running, 1);
  await container.resume();
  await end();
});

test('while its pod is paused nothing is ended; what is due comes when it goes on', async () => {
  const { pod, container, guest, end } = await started();
  const run = errorOf(container.run(['parent'], { timeoutMs: 60 }));
  await pause(20);
  await pod.pause();
  await pause(150);
  assert.equal(guest.running, 3);
  await pod.resume();
  const { code, details } = await run;
  assert.deepEqual([code, details.failedCleanups], ['timeout', undefined]);
  assert.equal(guest.running, 1);
  await end();
});

test('stopping the container ends a run that goes on: that is how it ended', async () => {
  const { container, end } = await started();
  const run = container.run(['parent']);
  await pause(30);
  await container.stop({ graceMs: 10 });
  const { code, signal } = await run;
  assert.deepEqual([code, signal], [137, 'SIGKILL']);
  await end();
});
