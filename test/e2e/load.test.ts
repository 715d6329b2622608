// Much of everything in one pod: bytes without end to a slow reader, bytes in, processes by the hundred; memory stays flat on both sides.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { Container, Pod } from '../../src/model/pod.js';
import { powerful } from './guest-root.js';
import { guestState } from './guest-state.js';
import { debian, E2e, printed, shOk } from './harness.js';
import { ownerState, watchGrowth } from './owner-state.js';

const e2e = new E2e('load');
const runtime = e2e.runtime();
let pod: Pod;
let box: Container;
/** Looks at the guest from its outside. */
let spy: Container;

before(async () => {
  ({ pod, box } = await e2e.sharedPod(runtime));
  const command = ['sleep', 'infinity'];
  spy = await pod.createContainer({ rootfs: debian, command, capabilities: powerful });
  await spy.start();
});

/** The agent keeps 1 MiB a stream, Node some more for what is on its way. */
const agentGrowthMiB = 24;
/** Of it, V8's room for new objects is 32 MiB. */
const ownerGrowthMiB = 64;

test('200 MB of output reach a slow reader exactly, and cost bounded memory on both sides', async () => {
  const bytes = 200_000_000;
  const numbers = `seq 1 30000000 | head -c ${bytes}`;
  const expected = e2e.start('sh', ['-c', `${numbers} | sha256sum`]).finished;
  const { agentPeakMiB } = await guestState(spy, { resetPeak: true });
  const growth = watchGrowth();
  const process = await box.exec(['sh', '-c', numbers]);
  const hash = createHash('sha256');
  let [length, next] = [0, 0];
  for await (const chunk of process.stdout as AsyncIterable<Buffer>) {
    hash.update(chunk);
    length += chunk.length;
    if (length < next) continue;
    // Longer than all buffers on the way take to fill: what writes has to wait.
    await sleep(300);
    next += bytes / 20;
  }
  assert.equal((await process.wait()).code, 0);
  assert.equal(length, bytes);
  assert.equal(hash.digest('hex'), (await expected).stdout.toString().split(' ')[0]);
  const grownMiB = growth();
  assert.ok(grownMiB < ownerGrowthMiB, `the owner grew by ${grownMiB} MiB`);
  const after = await guestState(spy);
  const agentGrownMiB = after.agentPeakMiB - agentPeakMiB;
  assert.ok(agentGrownMiB < agentGrowthMiB, `the agent grew by ${agentGrownMiB} MiB`);
});

test('50 MB of binary input arrive exactly, their end is told, and the answer comes back after it', async () => {
  const [block, blocks] = [randomBytes(1_000_000), 50];
  const { agentPeakMiB } = await guestState(spy, { resetPeak: true });
  const growth = watchGrowth();
  const sent = createHash('sha256');
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let index = 0; index < blocks; index++) {
      // No block like the one before, so that one that is lost, doubled or out of order is noticed.
      const chunk = Buffer.from(block);
      chunk.writeUInt32LE(index, 0);
      sent.update(chunk);
      yield chunk;
    }
  }
  const process = await box.exec(['sha256sum'], { stdin: true });
  const [result] = await Promise.all([printed(process), pipeline(chunks(), process.stdin)]);
  assert.deepEqual([result.status.code, result.stderr], [0, '']);
  assert.equal(result.stdout.split(' ')[0], sent.digest('hex'));
  const grownMiB = growth();
  assert.ok(grownMiB < ownerGrowthMiB, `the owner grew by ${grownMiB} MiB`);
  const agentGrownMiB = (await guestState(spy)).agentPeakMiB - agentPeakMiB;
  assert.ok(agentGrownMiB < agentGrowthMiB, `the agent grew by ${agentGrownMiB} MiB`);
});

test('500 execs in one container leave nothing in the guest and nothing in the owner', async () => {
  const exec = async (index: number): Promise<void> => {
    // Each way in and out: output, none, input, a terminal, a failure.
    if (index % 10 === 3) await shOk(box, 'echo out; echo err >&2');
    else if (index % 10 === 6) await printed(await box.exec(['tty'], { terminal: true }));
    else if (index % 10 === 9) await assert.rejects(box.exec(['no-such-command']));
    else {
      const process = await box.exec(['true'], { stdin: index % 2 === 0 });
      assert.equal((await process.wait()).code, 0);
    }
  };
  // What the first ones make stays.
  for (let index = 0; index < 20; index++) await exec(index);
  const [guestBefore, ownerBefore] = [await guestState(spy), ownerState()];
  for (let index = 0; index < 500; index++) await exec(index);
  const [guestAfter, ownerAfter] = [await guestState(spy), ownerState()];
  const seen = JSON.stringify({ guestBefore, guestAfter, ownerBefore, ownerAfter });
  assert.equal(guestAfter.agentDescriptors, guestBefore.agentDescriptors, seen);
  assert.equal(guestAfter.processes, guestBefore.processes, seen);
  assert.equal(guestAfter.zombies, 0, seen);
  assert.equal(guestAfter.cgroups, guestBefore.cgroups, seen);
  assert.equal(guestAfter.files, guestBefore.files, seen);
  // 16 KiB each would be 8.
  assert.ok(guestAfter.agentMiB - guestBefore.agentMiB < 8, seen);
  assert.ok(guestBefore.availableMiB - guestAfter.availableMiB < 16, seen);
  assert.equal(ownerAfter.descriptors, ownerBefore.descriptors, seen);
  assert.ok(ownerAfter.threads <= ownerBefore.threads, seen);
  assert.ok(ownerAfter.heapMiB - ownerBefore.heapMiB < 4, seen);
  assert.ok(ownerAfter.nativeMiB - ownerBefore.nativeMiB < 16, seen);
});
