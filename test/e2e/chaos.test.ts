// QEMU is killed at random moments of whatever the library does: every call ends in time, by success or by an error with a name, and
// nothing is left. The seed is printed; VIRTC_CHAOS_SEED repeats a run.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import { livenessPingMs, livenessPings, livenessQuietMs } from '../../src/model/limits.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { debian, E2e } from './harness.js';
import { chaosSeed, randomNumbers } from './random.js';
import { type Settled, settled } from './settled.js';

const e2e = new E2e('chaos');
const runtime = e2e.runtime();
/** Each with no memory of the clones that have failed for others. */
const freshRuntime = () => e2e.runtime();
const seed = chaosSeed();
const random = randomNumbers(seed);

/** A call ends within this time after its VM: the guest's answer is not waited for any more. */
const endsWithinMs = 15_000;
/** Two VMs at a time: as many as small machines have processors. */
const lanes = 2;

/** What waits for a VM that has hung since before all else here: that is noticed after a minute. */
let waiting: Promise<readonly Settled<unknown>[]>;
let hung: Pod;

before(async () => {
  await runtime.templates.build();
  hung = await runtime.createPod({ id: 'hung' });
  e2e.cleanup(() => hung.delete({ force: true }));
  const box = await started(hung);
  const cat = await box.exec(['cat'], { stdin: true });
  process.kill(e2e.vmPid('hung'), 'SIGSTOP');
  const noticedMs = livenessQuietMs * 2 + livenessPings * livenessPingMs;
  const lost: readonly Promise<unknown>[] = [box.wait(), cat.wait(), once(cat.stdout, 'end')];
  waiting = Promise.all(lost.map((promise) => settled('a wait', promise, noticedMs + 20_000)));
  waiting.catch(() => {});
});

/** Kills a pod's VM after a while, or as soon after it as there is one, unless `work` is over before. */
async function killDuring<T>(
  what: { readonly id: string; readonly afterMs: number },
  work: Promise<T>,
): Promise<void> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  work.then(over, over);
  await sleep(what.afterMs);
  while (!isOver) {
    try {
      process.kill(e2e.vmPid(what.id), 'SIGKILL');
      return;
    } catch {
      await sleep(5); // No record that names a VM, or the VM has ended.
    }
  }
}

/** What the VM's death may say to a call; everything else is a fault of ours. */
function assertLoss(what: string, outcome: Settled<unknown>): void {
  if (outcome.kind === 'value') return;
  const { code, message, details } = outcome.error;
  assert.match(code, /^(unavailable|invalid-state)$/, `${what}: ${code}: ${message}`);
  assert.equal(details['failedCleanups'], undefined, `${what}: ${message}`);
}

async function started(pod: Pod): Promise<Container> {
  const box = await pod.createContainer({ rootfs: debian, command: ['sleep', 'infinity'] });
  await box.start();
  return box;
}

/** What is done to a pod that has a running container while its VM dies: each call by its name. */
const deeds = {
  'creating a container': (pod) => ({
    create: started(pod),
    'create another': started(pod),
  }),
  'running processes': (_pod, box) => ({
    exec: box.exec(['true']).then((process) => process.wait()),
    flood: box.exec(['cat', '/dev/zero']).then(async (process) => {
      process.stdout.resume();
      return await process.wait();
    }),
    input: box.exec(['cat'], { stdin: true }).then(async (process) => {
      process.stdin.on('error', () => {});
      process.stdin.write(Buffer.alloc(300_000));
      process.stdout.resume();
      return await process.wait();
    }),
    wait: box.wait(),
  }),
  'stopping a container': (_pod, box) => ({ stop: box.stop({ graceMs: 100 }), wait: box.wait() }),
  'stopping the pod': (pod, box) => ({ stop: pod.stop({ graceMs: 100 }), wait: box.wait() }),
  'deleting the pod': (pod, box) => ({ delete: pod.delete({ force: true }), wait: box.wait() }),
} satisfies Record<string, (pod: Pod, box: Container) => Record<string, Promise<unknown>>>;

/** How a pod is created while its VM dies, and whether as a clone. */
const creations = { 'booting a pod': false, 'cloning a pod': true };

/** How long each of them takes on a quiet machine, at most, in milliseconds: moments after it would prove nothing. */
const windowMs: Readonly<Record<keyof typeof deeds | keyof typeof creations, number>> = {
  'booting a pod': 5000,
  'cloning a pod': 500,
  'creating a container': 600,
  'running processes': 400,
  'stopping a container': 250,
  'stopping the pod': 250,
  'deleting the pod': 100,
};

interface Point {
  readonly id: string;
  readonly deed: keyof typeof windowMs;
  readonly afterMs: number;
}

const perDeed = 3;
const points: readonly Point[] = (Object.keys(windowMs) as (keyof typeof windowMs)[]).flatMap(
  (deed, index) =>
    Array.from({ length: perDeed }, (_, round) => ({
      id: `chaos-${index}-${round}`,
      deed,
      afterMs: Math.round(random() * windowMs[deed]),
    })),
);

async function carryOut(point: Point): Promise<void> {
  const { id, deed } = point;
  const what = `${deed}, killed after ${point.afterMs} ms`;
  const isCreation = deed === 'booting a pod' || deed === 'cloning a pod';
  const template = isCreation ? creations[deed] : true;
  const creating = freshRuntime().createPod({ id, template });
  if (isCreation) {
    const killing = killDuring(point, creating);
    const outcome = await settled(`${what}: createPod`, creating, 120_000);
    assertLoss(what, outcome);
    await killing;
    if (outcome.kind === 'error')
      await assert.rejects(runtime.podStatus(id), { code: 'not-found' });
    else await outcome.value.delete({ force: true });
    return;
  }
  const pod = await creating;
  try {
    const box = await started(pod);
    const calls = Object.entries<Promise<unknown>>(deeds[deed](pod, box));
    const all = Promise.allSettled(calls.map(([, call]) => call));
    const watched = calls.map(async ([name, call]) => {
      const outcome = await settled(`${what}: ${name}`, call, point.afterMs + endsWithinMs);
      assertLoss(`${what}: ${name}`, outcome);
    });
    await Promise.all([killDuring(point, all), ...watched]);
  } finally {
    const deleting = settled(`${what}: the last delete`, pod.delete({ force: true }), endsWithinMs);
    assert.equal((await deleting).kind, 'value', what);
  }
  await assert.rejects(runtime.podStatus(id), { code: 'not-found' });
}

test(`VMs killed at ${points.length} random moments (VIRTC_CHAOS_SEED=${seed}) end every call by name and leave nothing`, async () => {
  const left = [...points];
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    for (let point = left.shift(); point !== undefined; point = left.shift()) {
      try {
        await carryOut(point);
      } catch (error) {
        failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  assert.deepEqual(failures, [], `VIRTC_CHAOS_SEED=${seed}`);
});

test('a VM that hangs is given up where somebody waits for it, also if nobody asks it for anything', async () => {
  for (const outcome of await waiting) {
    assert.ok(outcome.kind === 'error' && outcome.error.code === 'unavailable');
  }
  assert.equal((await hung.status()).state, 'stopped');
  await hung.delete();
  await e2e.assertNothingLeft();
});
