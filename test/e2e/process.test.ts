// Commands in a real VM: their output, input and lines, and the end of all that came from them.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { before, test } from 'node:test';
import type { RunInput, RunOptions } from '../../src/model/options.js';
import type { Container, Pod } from '../../src/model/pod.js';
import type { UnfinishedResult } from '../../src/model/process-result.js';
import { debian, E2e, until } from './harness.js';

const e2e = new E2e('process');
const runtime = e2e.runtime();
let pod: Pod;
/** Sleeps, and leaves no orphan that has ended as a zombie, which would count as a process. */
const idle = ['perl', '-e', '$SIG{CHLD} = "IGNORE"; exec qw(sleep infinity)'];
/** Runs for the whole file; tests run in it. */
let box: Container;

before(async () => {
  pod = await runtime.createPod({ id: 'shared' });
  e2e.cleanup(() => pod.delete({ force: true }));
  box = await pod.createContainer({ id: 'box', rootfs: debian, command: idle });
  await box.start();
});

const script = (text: string, options?: RunOptions) => box.run(['sh', '-c', text], options);

/** What runs in the container beside its init and the asking command; what has ended is not in any group. */
async function others(): Promise<readonly string[]> {
  const { stdout } = await script(
    'for p in $(cat /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/exec-*/cgroup.procs); do ' +
      '[ $p = $$ ] || tr "\\0" " " < /proc/$p/cmdline; echo; done 2>/dev/null',
  );
  const commands = stdout.split('\n').map((line) => line.trim());
  return commands.filter(
    (line) => line !== '' && !/^(sleep infinity|cat |tr |sh -c for p)/.test(line),
  );
}

/** The groups of execs that are left, but for that of the asking command. */
async function groups(): Promise<number> {
  const { stdout } = await script('ls -d /sys/fs/cgroup/exec-* | wc -l');
  return Number(stdout) - 1;
}

interface Told {
  readonly code: string;
  readonly name: string;
  readonly cause: unknown;
  readonly details: { readonly result: UnfinishedResult };
}

async function endOf(run: Promise<unknown>): Promise<Told> {
  return await run.then(
    () => assert.fail('it must not end well'),
    (error: Told) => error,
  );
}

test('the processes that are looked for are found', async () => {
  const process = await box.exec(['sh', '-c', 'setsid sleep 1001 & sleep 1002']);
  await until('both run', async () => (await others()).length === 3);
  assert.deepEqual([...(await others())].sort(), [
    'sh -c setsid sleep 1001 & sleep 1002',
    'sleep 1001',
    'sleep 1002',
  ]);
  assert.equal(await groups(), 1);
  // A signal is for that one process, as with docker.
  await process.kill();
  assert.equal((await process.wait()).signal, 'SIGTERM');
  assert.deepEqual([...(await others())].sort(), ['sleep 1001', 'sleep 1002']);
  await box.run(['sh', '-c', 'kill $(pidof sleep) 2>/dev/null; true']);
  await until('nothing is left', async () => (await others()).length === 0);
  await until('no group is left', async () => (await groups()) === 0);
});

test('a run whose time is over ends whole, what has left its session too, and its output is kept', async () => {
  const run = script('echo before; setsid sleep 1000 & sleep 1000', { timeoutMs: 700 });
  const error = await endOf(run);
  assert.equal(error.code, 'timeout');
  assert.equal(error.details.result.stdout, 'before\n');
  assert.equal(error.details.result.exit?.signal, 'SIGTERM');
  assert.deepEqual(await others(), []);
  await until('no group is left', async () => (await groups()) === 0);
});

test('what has forked twice, closed its output and ignores SIGTERM is killed after the grace', async () => {
  const deaf = 'trap "" TERM; exec sleep 1000 > /dev/null 2>&1';
  const begun = performance.now();
  const error = await endOf(
    script(`(setsid sh -c '${deaf}' &); echo ready; sleep 1000`, {
      timeoutMs: 700,
      killGraceMs: '1s',
    }),
  );
  const tookMs = performance.now() - begun;
  assert.ok(tookMs >= 1_700 && tookMs < 15_000, `${tookMs} ms`);
  assert.equal(error.details.result.stdout, 'ready\n');
  assert.equal(error.details.result.exit?.signal, 'SIGTERM');
  assert.deepEqual(await others(), []);
});

test('a process that ignores SIGTERM gets its grace, then SIGKILL', async () => {
  const loop = 'trap "echo not yet" TERM; echo up; while :; do sleep 0.05; done';
  const error = await endOf(script(loop, { timeoutMs: 700, killGraceMs: 500 }));
  assert.equal(error.details.result.exit?.signal, 'SIGKILL');
  assert.match(error.details.result.stdout, /^up\nnot yet\n/);
  assert.deepEqual(await others(), []);
});

test('a fork bomb of a run ends with it', async () => {
  await using small = await pod.createContainer({
    rootfs: debian,
    command: idle,
    pidsLimit: 60,
  });
  await small.start();
  const bomb = 'f() { setsid sh -c "sleep 1000" & f & }; while :; do f; done 2>/dev/null';
  const error = await endOf(small.run(['sh', '-c', bomb], { timeoutMs: 2_000, killGraceMs: 0 }));
  assert.equal(error.code, 'timeout');
  const count = async () => (await small.run(['cat', '/sys/fs/cgroup/pids.current'])).stdout;
  await until('only its init and cat are left', async () => (await count()) === '2\n', 10_000);
});

test('an aborted run and an aborted exec end whole, with the reason as the cause', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const run = endOf(script('echo one; setsid sleep 1000 & sleep 1000', { signal }));
  const exec = await box.exec(['sh', '-c', 'setsid sleep 1000 & sleep 1000'], { signal });
  const waiting = endOf(exec.wait());
  await until('both have forked', async () => (await others()).length === 6);
  controller.abort('enough');
  for (const error of [await run, await waiting]) {
    assert.deepEqual([error.name, error.code, error.cause], ['AbortError', 'cancelled', 'enough']);
  }
  assert.equal((await run).details.result.stdout, 'one\n');
  assert.deepEqual(await others(), []);
});

test('what a run leaves behind goes on without its output, and is ended with it', async () => {
  const free = await script('setsid sleep 1003 > /dev/null 2>&1 & echo free');
  assert.equal(free.stdout, 'free\n');
  assert.deepEqual(await others(), ['sleep 1003']);
  // It is its container's now, and no group is kept for it.
  await until('no group is left', async () => (await groups()) === 0);
  const held = await script('setsid sleep 1004 & echo held');
  assert.deepEqual([held.code, held.stdout, held.truncated], [0, 'held\n', false]);
  assert.deepEqual(await others(), ['sleep 1003']);
  await script('kill $(pidof sleep) 2>/dev/null; true');
});

test('20 MB of output are cut at the bound, exactly, in bounded memory', async () => {
  const rssBefore = process.memoryUsage().rss;
  // Sixteen bytes a line that tell where it is, beyond the bound; zeros are quicker to make.
  const command = 'seq -f %015.0f 0 69999; head -c 19000000 /dev/zero; echo end >&2';
  const result = await script(command, { maxBufferBytes: '1MiB' });
  assert.deepEqual([result.code, result.truncated, result.stderr], [0, true, 'end\n']);
  assert.equal(result.stdoutBytes.length, 1024 ** 2);
  const lines = result.stdout.split('\n');
  for (const [index, line] of lines.slice(0, -1).entries()) assert.equal(Number(line), index);
  assert.equal(lines.length, 1024 ** 2 / 16 + 1);
  const grownMiB = (process.memoryUsage().rss - rssBefore) / 2 ** 20;
  assert.ok(grownMiB < 64, `grew by ${grownMiB} MiB`);
});

async function* pieces(): AsyncGenerator<string | Uint8Array> {
  for (let index = 0; index < 10; index++) yield index % 2 === 0 ? 'grüße ' : Buffer.from('€ ');
}
const inputs: readonly [string, () => RunInput, string][] = [
  ['text', () => 'grüße', 'grüße'],
  ['bytes', () => Buffer.from('bytes'), 'bytes'],
  ['3 MB', () => 'x'.repeat(3_000_000), 'x'.repeat(3_000_000)],
  ['a Node stream', () => Readable.from([Buffer.from('from '), Buffer.from('Node')]), 'from Node'],
  ['a web stream', () => ReadableStream.from(['from ', 'web']), 'from web'],
  ['an async iterable', pieces, 'grüße € '.repeat(5)],
];
for (const [name, input, expected] of inputs) {
  test(`the input of a run can be ${name}`, async () => {
    assert.equal((await box.run(['cat'], { input: input() })).stdout, expected);
  });
}

test('a command that closes its input early has not failed', async () => {
  const result = await box.run(['head', '-c', '3'], { input: 'x'.repeat(5_000_000) });
  assert.deepEqual([result.ok, result.stdout], [true, 'xxx']);
});

test('two runs at once do not meet, and a terminal has one output', async () => {
  const [a, b, tty] = await Promise.all([
    script('cat; echo a >&2', { input: 'a'.repeat(100_000) }),
    script('cat; echo b >&2', { input: 'b'.repeat(100_000) }),
    script('tty; echo err >&2', { terminal: true }),
  ]);
  assert.deepEqual([a.stdout, a.stderr], ['a'.repeat(100_000), 'a\n']);
  assert.deepEqual([b.stdout, b.stderr], ['b'.repeat(100_000), 'b\n']);
  assert.match(tty.stdout, /^\/dev\/\S+\r\nerr\r\n$/);
});

test('who leaves the loop over the lines of a run has ended it', async () => {
  let seen = '';
  for await (const line of script('setsid sleep 1000 & while echo line; do sleep 0.05; done')) {
    seen = line;
    break;
  }
  assert.equal(seen, 'line');
  assert.deepEqual(await others(), []);
});

test('limits count what an exec uses as its container’s, and the container’s own view is as before', async () => {
  await using small = await pod.createContainer({
    rootfs: debian,
    command: idle,
    pidsLimit: 10,
    memoryMiB: 64,
  });
  await small.start();
  const view = 'cat /proc/1/cgroup /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max';
  assert.equal((await small.run(['sh', '-c', view])).stdout, `0::/\n10\n${64 * 1024 ** 2}\n`);
  const forks = await small.run(['sh', '-c', 'for i in $(seq 30); do sleep 5 & done; wait']);
  assert.match(forks.stderr, /[Cc]annot fork|Resource temporarily unavailable/);
  const eater = await small.run(['tail', '/dev/zero']);
  assert.deepEqual([eater.code, eater.reason], [137, 'oom']);
});

test('a container is run in one call, ended in time, and nothing of it is left', async () => {
  const program = 'import sys; print(sys.stdin.read().upper())';
  const command = ['python3', '-c', program];
  const result = await pod.run({ rootfs: debian, command, user: 'nobody', input: 'hello' });
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, 'HELLO\n', '']);
  const endless = { rootfs: debian, command: ['sh', '-c', 'echo on; sleep 1000'] };
  const error = await endOf(pod.run({ ...endless, timeoutMs: 500, killGraceMs: 200 }));
  assert.deepEqual([error.code, error.details.result.stdout], ['timeout', 'on\n']);
  assert.deepEqual(
    pod.containers.map(({ id }) => id),
    ['box'],
  );
});

test('the end of the VM is told with what had been printed', async () => {
  const doomed = await runtime.createPod({ id: 'doomed' });
  e2e.cleanup(() => doomed.delete({ force: true }));
  const run = doomed.run({ rootfs: debian, command: ['sh', '-c', 'echo alive; sleep 1000'] });
  let seen = '';
  const error = await endOf(
    (async () => {
      for await (const line of run) {
        seen = line;
        process.kill(e2e.vmPid('doomed'), 'SIGKILL');
      }
    })(),
  );
  assert.equal(seen, 'alive');
  assert.deepEqual([error.code, error.details.result.stdout], ['unavailable', 'alive\n']);
});
