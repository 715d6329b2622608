// Bytes, signals and terminals of processes in a real VM: exact, bounded, half-closed.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { Container, Process } from '../../src/model/pod.js';
import { debian, E2e, printed, sh, shOk, until } from './harness.js';

const e2e = new E2e('streams');
const runtime = e2e.runtime();
/** Runs for the whole file; tests exec in it. */
let box: Container;

before(async () => {
  ({ box } = await e2e.sharedPod(runtime));
});

test('input is passed on, half-closed, and refused where there is none', async () => {
  const process = await box.exec(['sh', '-c', 'cat; echo done'], { stdin: true });
  process.stdin.write('one ');
  process.stdin.end('two ');
  assert.equal((await printed(process)).stdout, 'one two done\n');
  const deaf = await box.exec(['cat']);
  const refused = once(deaf.stdin, 'error');
  deaf.stdin.write('x');
  await refused;
  assert.equal((await deaf.wait()).code, 0);
});

test('5 MB of random bytes pass through cat, both ways at once, and come back exact', async () => {
  const process = await box.exec(['cat'], { stdin: true });
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let length = 0;
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let index = 0; index < 5; index += 1) {
      const chunk = randomBytes(1_000_000);
      sent.update(chunk);
      yield chunk;
    }
  }
  const sending = pipeline(chunks(), process.stdin);
  for await (const chunk of process.stdout as AsyncIterable<Buffer>) {
    received.update(chunk);
    length += chunk.length;
  }
  await sending;
  assert.equal(length, 5_000_000);
  assert.equal(received.digest('hex'), sent.digest('hex'));
  assert.equal((await process.wait()).code, 0);
});

test('output that nobody reads costs bounded memory and delays nobody', async () => {
  const rssBefore = process.memoryUsage().rss;
  const flood = await box.exec(['cat', '/dev/zero']);
  await sleep(3000);
  const started = performance.now();
  assert.equal(await shOk(box, 'echo quick'), 'quick');
  assert.ok(performance.now() - started < 5000, 'an exec beside the flood');
  const grownMiB = (process.memoryUsage().rss - rssBefore) / 2 ** 20;
  assert.ok(grownMiB < 64, `grew by ${grownMiB} MiB`);
  await flood.kill('SIGKILL');
  assert.equal((await flood.wait()).signal, 'SIGKILL');
  flood.stdout.resume();
  await once(flood.stdout, 'end');
});

test('an exec is quick while another process streams to a reader', async () => {
  const flood = await box.exec(['cat', '/dev/zero']);
  flood.stdout.resume();
  assert.equal(await shOk(box, 'echo quick'), 'quick');
  await flood.kill('SIGKILL');
  await flood.wait();
});

for (const reader of ['is read', 'nobody reads', 'has lost its reader'] as const) {
  test(`output that never ends and ${reader} holds up neither a kill nor the end of its container`, async () => {
    const treat = ({ stdout }: Process): void => {
      if (reader === 'is read') stdout.resume();
      else if (reader === 'has lost its reader') stdout.once('data', () => stdout.destroy());
    };
    const options = { rootfs: debian, command: ['cat', '/dev/zero'] };
    const stopped = await box.pod.createContainer(options);
    const deleted = await box.pod.createContainer(options);
    await Promise.all([stopped.start(), deleted.start()]);
    const flood = await stopped.exec(['cat', '/dev/zero']);
    for (const process of [stopped, deleted, flood]) treat(process);
    await sleep(500);
    await promptly('kill', flood.kill('SIGKILL'));
    assert.equal((await promptly('its end', flood.wait())).signal, 'SIGKILL');
    const waits = [stopped.wait(), deleted.wait()];
    await promptly('stop', stopped.stop({ graceMs: 100 }));
    await promptly('delete', deleted.delete({ force: true }));
    for (const wait of waits) assert.equal((await promptly('wait', wait)).signal, 'SIGKILL');
    for (const { stdout } of [stopped, deleted, flood]) {
      stdout.resume();
      await until('its stream ends', () => stdout.readableEnded || stdout.destroyed, 5000);
    }
    await stopped.delete();
  });
}

/** What comes of a promise that may take a moment, on a busy machine too, and no more. */
async function promptly<T>(what: string, promise: Promise<T>): Promise<T> {
  const begin = performance.now();
  const value = await promise;
  const tookMs = performance.now() - begin;
  assert.ok(tookMs < 8000, `${what} took ${tookMs.toFixed()} ms`);
  return value;
}

test('signals arrive by name and number, and a process that has ended takes them silently', async () => {
  const script =
    'trap "echo usr1" USR1; trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done';
  const process = await box.exec(['sh', '-c', script]);
  let seen = '';
  process.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  await until('it is ready', () => seen.includes('ready'));
  await process.kill('USR1');
  await until('it is told', () => seen.includes('usr1'));
  await process.kill(15);
  assert.deepEqual(await process.wait(), { code: 3, signal: null, reason: 'exited' });
  await process.kill('SIGKILL');
});

test('a terminal is one stream with a size that changes, and keys go in', async () => {
  const script = 'tty; stty size; echo err >&2; read line; echo "line=$line"; stty size';
  const process = await box.exec(['sh', '-c', script], {
    terminal: { columns: 91, rows: 17 },
    stdin: true,
  });
  let shown = '';
  process.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  await until('the first lines', () => shown.includes('err'));
  await process.resize({ columns: 50, rows: 5 });
  process.stdin.write('typed\r');
  assert.equal((await process.wait()).code, 0);
  await until('the last lines', () => shown.endsWith('5 50\r\n'));
  assert.match(shown, /^\/dev\/(pts\/\d+|console)\r\n17 91\r\nerr\r\n/);
  assert.match(shown, /line=typed\r\n5 50\r\n$/);
  assert.equal(await text(process.stderr), '');
  await assert.rejects(box.resize({ columns: 1, rows: 1 }), { code: 'invalid-state' });
});

test('standard streams can be opened again, also by another user', async () => {
  const { status, stdout, stderr } = await sh(
    box,
    'echo out > /dev/stdout; echo err > /dev/stderr; echo fd > /proc/self/fd/1',
    { user: 'nobody' },
  );
  assert.deepEqual([status.code, stdout, stderr], [0, 'out\nfd\n', 'err\n']);
});
