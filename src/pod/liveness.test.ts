// Tests of the rule that ends a guest which is silent: over a scripted guest, and over pods whose VM hangs.
import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import { VirtcontainersError } from '../base/errors.js';
import { livenessPingMs, livenessPings, livenessQuietMs } from '../model/limits.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';
import { Liveness } from './liveness.js';

const bound = livenessQuietMs + livenessPings * livenessPingMs;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass in small steps, between which everything happens that can. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    mock.timers.tick(1_000);
    await settle();
  }
}

/** Time that passes when the test says so. */
function fakeTime(context: TestContext): void {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
}

/** A guest that answers a ping after so long; null is never. */
function scripted(answersAfterMs: () => number | null) {
  let heard = 0;
  const seen = { pings: 0, silentMs: [] as number[] };
  const liveness = new Liveness({
    heard: () => heard,
    ping: ({ timeoutMs }) => {
      seen.pings += 1;
      const afterMs = answersAfterMs();
      return new Promise((resolve, reject) => {
        if (afterMs !== null) {
          setTimeout(() => {
            heard += 1;
            resolve();
          }, afterMs);
        }
        setTimeout(() => reject(new VirtcontainersError('timeout', 'no answer')), timeoutMs);
      });
    },
    onSilent: (silentMs) => seen.silentMs.push(silentMs),
  });
  const say = (): void => {
    heard += 1;
  };
  return { liveness, seen, say };
}

test('a silent guest is given up within its bound, once, and never asked again', async (context) => {
  fakeTime(context);
  const { liveness, seen } = scripted(() => null);
  liveness.enter();
  await pass(bound - 2_000);
  assert.deepEqual(seen, { pings: livenessPings, silentMs: [] });
  await pass(2_000);
  assert.deepEqual(seen.silentMs, [bound]);
  liveness.enter();
  await pass(3 * bound);
  assert.deepEqual(seen, { pings: livenessPings, silentMs: [bound] });
});

test('a guest that speaks last just before it hangs is given up within a quarter more', async (context) => {
  fakeTime(context);
  const { liveness, seen, say } = scripted(() => null);
  liveness.enter();
  await pass(1_000);
  say();
  await pass(livenessQuietMs + bound);
  assert.equal(seen.silentMs.length, 1);
});

test('nobody is asked while nobody waits, and while the guest speaks', async (context) => {
  fakeTime(context);
  const { liveness, seen, say } = scripted(() => null);
  await pass(2 * bound);
  const leave = liveness.enter();
  for (let second = 0; second < 200; second += 10) {
    await pass(10_000);
    say();
  }
  leave();
  await pass(2 * bound);
  assert.deepEqual(seen, { pings: 0, silentMs: [] });
});

test('a wait that ends while the guest is asked spares it', async (context) => {
  fakeTime(context);
  const { liveness, seen } = scripted(() => null);
  const leave = liveness.enter();
  await pass(livenessQuietMs + livenessPingMs);
  leave();
  await pass(2 * bound);
  assert.ok(seen.pings > 0);
  assert.deepEqual(seen.silentMs, []);
});

test('a guest that answers late, as an emulated one under load, is kept', async (context) => {
  fakeTime(context);
  for (const lateMs of [0, livenessPingMs - 1_000, livenessPingMs * (livenessPings - 1) + 1_000]) {
    const { liveness, seen } = scripted(() => lateMs);
    const leave = liveness.enter();
    await pass(4 * bound);
    leave();
    assert.deepEqual(seen.silentMs, [], `${lateMs} ms late`);
    assert.ok(seen.pings >= 2, `${seen.pings} pings`);
  }
});

test('a host that was stalled itself hears what has come before it gives the guest up', async (context) => {
  fakeTime(context);
  const { liveness, seen, say } = scripted(() => null);
  liveness.enter();
  await pass(livenessQuietMs);
  // The loop stands still: all timers are due when it goes on, and only then does it read.
  mock.timers.tick(10 * bound);
  setImmediate(say);
  await settle();
  await pass(livenessQuietMs);
  assert.deepEqual(seen.silentMs, []);
});

test('a guest that is paused owes no answer, and owes it again when it goes on', async (context) => {
  fakeTime(context);
  const { liveness, seen } = scripted(() => null);
  liveness.enter();
  await pass(livenessQuietMs + livenessPingMs);
  liveness.suspend();
  liveness.suspend();
  await pass(4 * bound);
  assert.equal(seen.silentMs.length, 0);
  liveness.resume();
  liveness.resume();
  await pass(bound - 2_000);
  assert.deepEqual(seen.silentMs, [], 'what it missed while paused does not count');
  await pass(2_000 + livenessQuietMs);
  assert.equal(seen.silentMs.length, 1);
});

test('a pause that ends before the last question is answered begins all anew', async (context) => {
  fakeTime(context);
  const { liveness, seen } = scripted(() => null);
  liveness.enter();
  await pass(livenessQuietMs + livenessPingMs * (livenessPings - 1) + 1_000);
  liveness.suspend();
  liveness.resume();
  await pass(livenessPingMs + livenessQuietMs);
  assert.deepEqual(seen.silentMs, []);
  await pass(bound);
  assert.equal(seen.silentMs.length, 1);
});

test('a question that fails at once is the end of a connection and no silence', async (context) => {
  fakeTime(context);
  const silentMs: number[] = [];
  const liveness = new Liveness({
    heard: () => 0,
    ping: () => Promise.reject(new VirtcontainersError('unavailable', 'the connection has ended')),
    onSilent: (ms) => silentMs.push(ms),
  });
  liveness.enter();
  await pass(2 * bound);
  assert.deepEqual(silentMs, []);
});

async function running(world: PodWorld, context: TestContext) {
  fakeTime(context);
  const pod = await world.runtime.createPod({ id: 'p' });
  const options = { rootfs: anyDirectory, command: ['sleep'], stdin: true };
  const container = await pod.createContainer({ id: 'c', ...options });
  await container.start();
  const process = await container.exec(['sleep'], { stdin: true });
  return { pod, container, process };
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    (error: unknown) => error,
  );

test('everybody who waits for a guest that hangs is told so within the bound, and its VM is ended', async (context) => {
  const world = new PodWorld();
  const { pod, container, process } = await running(world, context);
  world.hypervisor.vm.hang();
  const write = new Promise<void>((resolve, reject) => {
    process.stdin.write('input', (error) => (error ? reject(error) : resolve()));
  });
  const waiting = [
    container.wait(),
    process.wait(),
    (async () => {
      for await (const _ of process.stdout);
    })(),
    write,
  ].map(outcome);
  await pass(livenessQuietMs + bound);
  for (const [index, error] of (await Promise.all(waiting)).entries()) {
    assert.ok(error instanceof VirtcontainersError, `${index}: ${String(error)}`);
    assert.equal(error.code, 'unavailable', String(error));
    assert.match(error.message, /: the VM is gone: the guest does not answer: .* for 60 s$/);
    assert.match(String(error.details['consoleTail']), /the last line/);
  }
  assert.equal((await pod.status()).state, 'stopped');
  assert.deepEqual([world.hypervisor.living, world.share.open.size], [0, 0]);
  await pod.start();
  assert.equal((await container.status()).state, 'running', 'it boots anew');
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a guest with nothing to say is kept', async (context) => {
  const world = new PodWorld();
  const { pod, container } = await running(world, context);
  const before = world.hypervisor.vm;
  for (let part = 0; part < 2; part++) await pass(600_000);
  assert.equal((await container.status()).state, 'running');
  assert.equal(world.hypervisor.vm, before);
  mock.timers.reset();
  await pod.delete({ force: true });
  world.assertNothingLeft();
});
