// Tests of a process's streams: exact bytes, bounded memory, readers that stop or leave, input and its end.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { hostOutputBufferBytes, streamChunkBytes } from '../model/limits.js';
import type { ContainerOptions } from '../model/options.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

async function started(command: readonly string[], more: Partial<ContainerOptions> = {}) {
  const world = new PodWorld();
  const pod = await world.runtime.createPod();
  const container = await pod.createContainer({ rootfs: anyDirectory, command, ...more });
  await container.start();
  return { world, pod, container };
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

test('20 MB of random bytes come back exactly through cat', async () => {
  const { world, pod, container } = await started(['cat'], { stdin: true });
  const sent = randomBytes(20_000_000);
  const feeding = pipeline(Readable.from([sent.subarray(0, 7), sent.subarray(7)]), container.stdin);
  const received = await buffer(container.stdout);
  await feeding;
  assert.equal(received.length, sent.length);
  assert.equal(sha256(received), sha256(sent));
  assert.equal((await container.wait()).code, 0);
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('a reader that stops leaves bounded memory here, and gets everything when it goes on', async () => {
  const bytes = 8_000_000;
  const { pod, container } = await started(['flood', String(bytes)]);
  const iterator = container.stdout[Symbol.asyncIterator]();
  const first = await iterator.next();
  let total = (first.value as Buffer).length;
  await pause(100);
  const held = container.stdout.readableLength;
  assert.ok(
    held <= hostOutputBufferBytes + streamChunkBytes,
    `${held} bytes are held for a reader that has stopped`,
  );
  assert.equal((await container.status()).state, 'running', 'the process waits for its reader');
  for await (const chunk of { [Symbol.asyncIterator]: () => iterator }) {
    const data = chunk as Buffer;
    assert.equal(data[0], total % 251);
    total += data.length;
  }
  assert.equal(total, bytes);
  assert.equal((await container.wait()).code, 0);
  await pod.delete({ force: true });
});

test('a reader that leaves does not make the process hang: its output is drawn and dropped', async () => {
  const { pod, container } = await started(['flood', '8000000']);
  container.stdout.destroy();
  assert.equal((await container.wait()).code, 0);
  await pod.delete({ force: true });
});

test('output that nobody has read is still there after the end, the stop and the deletion', async () => {
  const { world, pod, container } = await started(['flood', '1000000']);
  await container.wait();
  const process = await (async () => {
    const again = await pod.createContainer({ rootfs: anyDirectory, command: ['sleep'] });
    await again.start();
    return again.exec(['echo', 'kept']);
  })();
  await process.wait();
  await pod.delete({ force: true });
  world.assertNothingLeft();
  assert.equal((await buffer(container.stdout)).length, 1_000_000);
  assert.equal(await text(process.stdout), 'kept\n');
});

test('stdout and stderr are apart; a terminal has only one', async () => {
  const { pod, container } = await started(['sleep']);
  const apart = await container.exec(['warn', 'careful']);
  assert.deepEqual([await text(apart.stdout), await text(apart.stderr)], ['', 'careful\n']);
  const terminal = await container.exec(['warn', 'careful'], {
    terminal: { columns: 100, rows: 40 },
  });
  await terminal.resize({ columns: 120, rows: 50 });
  assert.deepEqual([await text(terminal.stdout), await text(terminal.stderr)], ['careful\n', '']);
  await assert.rejects(apart.resize({ columns: 1, rows: 1 }), { code: 'invalid-state' });
  await assert.rejects(terminal.resize({ columns: 0, rows: 1 }), { code: 'invalid-argument' });
  await pod.delete({ force: true });
});

test('input that a process has not asked for is refused, and the process is not harmed', async () => {
  const { pod, container } = await started(['cat']);
  assert.equal(await text(container.stdout), '');
  const error = await new Promise((resolve) => container.stdin.write('x', resolve));
  assert.notEqual(error, undefined);
  assert.equal((await container.wait()).code, 0);
  await pod.delete({ force: true });
});

test('destroying the input is its end', async () => {
  const { pod, container } = await started(['cat'], { stdin: true });
  container.stdin.write('only this');
  await pause(20);
  container.stdin.destroy();
  assert.equal(await text(container.stdout), 'only this');
  await pod.delete({ force: true });
});

test('writing to a process that has ended fails as a broken pipe does, without ending this program', async () => {
  const { pod, container } = await started(['true'], { stdin: true });
  await container.wait();
  const error = await new Promise((resolve) => container.stdin.write('late', resolve));
  assert.ok(error instanceof Error);
  await pod.delete({ force: true });
});

test('500 execs leave nothing in the guest, whether somebody reads them or not', async () => {
  const { world, pod, container } = await started(['sleep']);
  for (let round = 0; round < 25; round++) {
    const processes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => container.exec(['echo', String(index)])),
    );
    await Promise.all(processes.map((process) => process.wait()));
    if (round % 2 === 0) await Promise.all(processes.map((process) => text(process.stdout)));
    else for (const process of processes) if (process.id > '8') process.stdout.destroy();
  }
  const known = world.hypervisor.vm.crun.containers.get(container.id);
  assert.ok(known);
  // An id that was released can be used again.
  for (let n = 0; n < 3; n++) {
    const again = await container.exec(['true'], { id: 'again' });
    await again.wait();
    await pause(20);
  }
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test('600 running execs keep their streams, and those that the VM refuses say why', async () => {
  const { world, pod, container } = await started(['cat'], { stdin: true });
  const running = await Promise.all(
    Array.from({ length: 600 }, () => container.exec(['cat'], { stdin: true })),
  );
  // A second container of the same VM counts as well.
  const other = await pod.createContainer({ rootfs: anyDirectory, command: ['sleep'] });
  await other.start();
  const results = await Promise.allSettled(
    Array.from({ length: 500 }, () => other.exec(['cat'], { stdin: true })),
  );
  const more = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  const refused = results.flatMap((result) => (result.status === 'rejected' ? result.reason : []));
  assert.equal(more.length, 1024 - 600 - 2);
  for (const error of refused) {
    assert.equal(error.code, 'invalid-state');
    assert.match(
      error.message,
      /^cannot exec in container \S+: the VM has 1024 processes that run/,
    );
  }
  await Promise.all(
    [...running, ...more].map(async (process, index) => {
      process.stdin.end(`input ${index}`);
      assert.equal(await text(process.stdout), `input ${index}`);
      assert.equal((await process.wait()).code, 0);
    }),
  );
  container.stdin.end('init');
  assert.equal(await text(container.stdout), 'init');
  await pod.delete({ force: true });
  world.assertNothingLeft();
});

test("what an exec runs with is the container's, but for what it asks", async () => {
  const { pod, container } = await started(['sleep'], { env: { A: '1', B: '2' } });
  const process = await container.exec(['env'], { env: { B: '3' } });
  const lines = (await text(process.stdout)).split('\n');
  assert.ok(lines.includes('A=1') && lines.includes('B=3') && !lines.includes('B=2'));
  await pod.delete({ force: true });
});
