// Tests of commands in one call: results, bounds, input from every source, lines, what is left behind, two at once.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { RunInput, RunOptions } from '../model/options.js';
import type { FakeProgram } from '../testing/fake-programs.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';

/** Prints its first argument's number of bytes and no end: `tick` a line every millisecond. */
const programs: Readonly<Record<string, FakeProgram>> = {
  both: async ({ stdout, stderr }) => {
    stdout.write('to out');
    stderr.write('to err');
    return 3;
  },
  bytes: async ({ stdout }) => {
    for (const byte of Buffer.from('a€')) stdout.write(Uint8Array.of(byte));
    return 0;
  },
  deaf: async ({ stdin }) => {
    stdin.destroy();
    return 0;
  },
  tick: ({ stdout }) =>
    new Promise(() => {
      let count = 0;
      const timer = setInterval(() => stdout.write(`tick ${count++}\n`), 1);
      stdout.on('close', () => clearInterval(timer));
      stdout.on('finish', () => clearInterval(timer));
    }),
};

async function started(command: readonly string[] = ['sleep'], onStep?: () => void) {
  const world = new PodWorld({ crun: { programs, ...(onStep === undefined ? {} : { onStep }) } });
  const pod = await world.runtime.createPod({ id: 'p' });
  const container = await pod.createContainer({ id: 'c', rootfs: anyDirectory, command });
  await container.start();
  const guest = world.hypervisor.vm.crun.containers.get('c');
  assert.ok(guest !== undefined);
  const end = async (): Promise<void> => {
    await pod.delete({ force: true });
    world.assertNothingLeft();
  };
  return { world, pod, container, guest, end };
}

test('a run says how the command ended and what it printed, apart; another exit code is no error', async () => {
  const { container, end } = await started();
  const { durationMs, stdoutBytes, stderrBytes, ...result } = await container.run(['both', 'x']);
  assert.deepEqual(result, {
    code: 3,
    signal: null,
    reason: 'exited',
    ok: false,
    command: ['both', 'x'],
    stdout: 'to out',
    stderr: 'to err',
    truncated: false,
  });
  assert.ok(durationMs >= 0 && durationMs < 10_000);
  assert.deepEqual([stdoutBytes, stderrBytes].map(String), ['to out', 'to err']);
  assert.equal((await container.run(['true'])).ok, true);
  await end();
});

test('a printed result is readable: its bytes are not listed', async () => {
  const { container, end } = await started();
  const result = await container.run(['echo', 'hi']);
  assert.ok(!inspect(result).includes('Bytes'), inspect(result));
  assert.ok(!JSON.stringify(result).includes('Bytes'));
  await end();
});

test('more output than is kept is drawn and dropped: what is there is the beginning, to the byte', async () => {
  const { container, end } = await started();
  const result = await container.run(['flood', '3000000'], { maxBufferBytes: '1MiB' });
  assert.deepEqual([result.code, result.truncated], [0, true]);
  assert.equal(result.stdoutBytes.length, 1024 ** 2);
  assert.ok(result.stdoutBytes.every((byte, index) => byte === index % 251));
  const exact = await container.run(['flood', '3000000'], { maxBufferBytes: 3_000_000 });
  assert.deepEqual([exact.stdoutBytes.length, exact.truncated], [3_000_000, false]);
  await end();
});

test('a character that the bound has cut is left out of the text, not of the bytes', async () => {
  const { container, end } = await started();
  const cut = await container.run(['bytes'], { maxBufferBytes: 3 });
  assert.deepEqual([cut.stdout, cut.stdoutBytes.length, cut.truncated], ['a', 3, true]);
  assert.equal((await container.run(['bytes'])).stdout, 'a€');
  await end();
});

async function* pieces(): AsyncGenerator<string | Uint8Array> {
  yield 'in ';
  yield Buffer.from('pieces');
}
const inputs: readonly [string, () => RunInput, string][] = [
  ['text', () => 'grüße', 'grüße'],
  ['no text', () => '', ''],
  ['bytes', () => Uint8Array.of(104, 105), 'hi'],
  ['5 MB', () => 'x'.repeat(5_000_000), 'x'.repeat(5_000_000)],
  ['a Node stream', () => Readable.from([Buffer.from('from '), Buffer.from('Node')]), 'from Node'],
  ['a web stream', () => ReadableStream.from(['from ', Buffer.from('web')]), 'from web'],
  ['an async iterable', () => pieces(), 'in pieces'],
];
for (const [name, input, expected] of inputs) {
  test(`the input of a run can be ${name}`, async () => {
    const { container, end } = await started();
    const result = await container.run(['cat'], { input: input() });
    assert.deepEqual([result.stdout, result.code], [expected, 0]);
    await end();
  });
}

test('a command without input reads its end, and one that closes it early is no error', async () => {
  const { container, end } = await started();
  assert.equal((await container.run(['cat'])).stdout, '');
  const source = new Readable({ read() {} });
  source.push('x');
  for (const input of ['x'.repeat(5_000_000), source, endless()]) {
    assert.equal((await container.run(['deaf'], { input })).code, 0);
  }
  assert.equal(source.destroyed, true, 'a source that has nothing to give is let go');
  await end();
});

async function* endless(): AsyncGenerator<string> {
  for (;;) yield 'x'.repeat(100_000);
}

const failingInputs: readonly [string, () => RunInput, RegExp][] = [
  ['a stream that fails', () => brokenStream(), /its input failed: disk on fire/],
  ['an iterable that fails', () => brokenIterable(), /its input failed: disk on fire/],
  [
    'a stream that is destroyed early',
    () => {
      const source = new Readable({ read() {} });
      setTimeout(() => source.destroy(), 5);
      return source;
    },
    /its input failed: it was closed before its end/,
  ],
  ['neither text nor bytes', () => Readable.from([1]), /neither text nor bytes but a number/],
  [
    'a web stream that somebody else reads',
    () => {
      const stream = new ReadableStream();
      stream.getReader();
      return stream;
    },
    /its input failed: .*locked/,
  ],
];
for (const [name, input, message] of failingInputs) {
  test(`an input that is ${name} ends the command and is told`, async () => {
    const { container, guest, end } = await started();
    await assert.rejects(container.run(['parent'], { input: input() }), (error: Error) => {
      assert.match(error.message, message);
      assert.match(error.message, /^cannot run in container c: /);
      assert.ok('code' in error && error.code === 'internal');
      return true;
    });
    assert.equal(guest.running, 1, 'only init is left');
    await end();
  });
}

function brokenStream(): Readable {
  return new Readable({
    read() {
      this.destroy(new Error('disk on fire'));
    },
  });
}

async function* brokenIterable(): AsyncGenerator<string> {
  yield 'a beginning';
  throw new Error('disk on fire');
}

test('what a command leaves behind is ended where it keeps the output open, else it goes on', async () => {
  const { container, guest, end } = await started();
  assert.equal((await container.run(['daemon'])).stdout, 'started\n');
  assert.equal(guest.running, 2, 'init and the daemon');
  const begun = performance.now();
  const held = await container.run(['daemon', 'holding', 'stubborn'], { killGraceMs: 50 });
  assert.deepEqual([held.code, held.stdout, held.truncated], [0, 'started\n', false]);
  assert.ok(performance.now() - begun < 6_000);
  assert.equal(guest.running, 2);
  await end();
});

test('an exec leaves what it has left behind, and its output ends with that', async () => {
  const { container, guest, end } = await started();
  const process = await container.exec(['daemon', 'holding']);
  assert.equal((await process.wait()).code, 0);
  assert.equal(guest.running, 2);
  const output = process.output();
  await container.kill('SIGKILL');
  assert.equal((await output).stdout, 'started\n');
  await end();
});

test('two runs at once do not meet', async () => {
  const { container, end } = await started();
  const results = await Promise.all(
    ['a', 'b', 'c'].map((name) => container.run(['cat'], { input: name.repeat(300_000) })),
  );
  assert.deepEqual(
    results.map(({ stdout }) => [stdout.length, new Set(stdout).size]),
    [
      [300_000, 1],
      [300_000, 1],
      [300_000, 1],
    ],
  );
  await end();
});

test('the lines of a run come as they are printed, and its result after them', async () => {
  const { container, end } = await started();
  const run = container.run(['cat'], { input: 'one\ntwo\nthree' });
  const lines: string[] = [];
  for await (const line of run) lines.push(line);
  assert.deepEqual(lines, ['one', 'two', 'three']);
  const { stdout, ok } = await run;
  assert.deepEqual([stdout, ok], ['one\ntwo\nthree', true]);
  await end();
});

test('who leaves the loop over a run ends the command and all that came from it', async () => {
  const { container, guest, end } = await started();
  const run = container.run(['parent', 'stubborn'], { killGraceMs: 30 });
  for await (const line of run) {
    assert.equal(line, 'started');
    break;
  }
  assert.equal(guest.running, 1);
  const { signal, stdout } = await run;
  assert.deepEqual([signal, stdout], ['SIGTERM', 'started\n']);
  await end();
});

test('a slow reader of lines gets them all, and the command waits for him', async () => {
  const { container, end } = await started();
  const run = container.run(['cat'], { input: 'line\n'.repeat(20_000) });
  let count = 0;
  for await (const line of run) {
    assert.equal(line, 'line');
    if (count++ % 5_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(count, 20_000);
  assert.equal((await run).truncated, false);
  await end();
});

test('the loop over a run that cannot be started, or is ended, says so, and nothing is unhandled', async () => {
  const { container, end } = await started();
  const loop = async (command: string, options: RunOptions = {}): Promise<void> => {
    for await (const _ of container.run([command], options));
  };
  await assert.rejects(loop('/missing'), /cannot run in container c: command "\/missing"/);
  await assert.rejects(loop('sleep', { timeoutMs: 20 }), { code: 'timeout' });
  await end();
});

test('lines of a process that runs on: who has seen enough does not hold it up', async () => {
  const { container, end } = await started();
  const process = await container.exec(['tick']);
  for await (const line of process.lines()) if (line === 'tick 3') break;
  let first: string | undefined;
  for await (const line of process.lines()) {
    first ??= line;
    if (line !== first) break;
  }
  assert.match(first ?? '', /^tick \d+$/);
  await process.kill();
  assert.equal((await process.wait()).signal, 'SIGTERM');
  const warned = await container.exec(['warn', 'careful']);
  const lines: string[] = [];
  for await (const line of warned.lines({ stream: 'stderr' })) lines.push(line);
  assert.deepEqual(lines, ['careful']);
  await end();
});

test('output collects from now on, beside other readers, and gives up with its signal alone', async () => {
  const { container, end } = await started();
  const process = await container.exec(['tick']);
  const seen: Buffer[] = [];
  process.stdout.on('data', (chunk: Buffer) => seen.push(chunk));
  const error = await process.output({ signal: AbortSignal.timeout(50) }).then(
    () => assert.fail('it has not ended'),
    (reason: { name: string; details: { result: { stdout: string; exit: unknown } } }) => reason,
  );
  assert.equal(error.name, 'AbortError');
  assert.equal(error.details.result.exit, null);
  assert.match(error.details.result.stdout, /^tick \d+\n/);
  assert.ok(String(Buffer.concat(seen)).startsWith(error.details.result.stdout.slice(0, 20)));
  const rest = process.output();
  await process.kill('KILL');
  const { code, stdout } = await rest;
  assert.equal(code, 137);
  assert.ok(!stdout.startsWith(error.details.result.stdout.slice(0, 20)), 'from now on');
  await end();
});

test('output that was looked at to its end is empty, and so is that of a terminal’s stderr', async () => {
  const { container, end } = await started();
  const process = await container.exec(['both'], { terminal: true });
  const first = await process.output();
  assert.deepEqual([first.code, first.stdout, first.stderr], [3, 'to outto err', '']);
  const second = await process.output();
  assert.deepEqual([second.code, second.stdout], [3, '']);
  await end();
});

test('a container’s own output is collected in the same way', async () => {
  const { pod, end } = await started();
  const container = await pod.createContainer({ rootfs: anyDirectory, command: ['both'] });
  const output = container.output();
  await container.start();
  const { code, stdout, stderr, command } = await output;
  assert.deepEqual([code, stdout, stderr, command], [3, 'to out', 'to err', ['both']]);
  assert.deepEqual(container.command, ['both']);
  await end();
});

test('a container is run to its end in one call, and nothing of it is left', async () => {
  const { world, pod, end } = await started();
  const before = world.left;
  const result = await pod.run({ rootfs: anyDirectory, command: ['cat'], input: 'hi' });
  assert.deepEqual([result.code, result.stdout], [0, 'hi']);
  const lines: string[] = [];
  for await (const line of pod.run({ rootfs: anyDirectory, command: ['echo', 'x'] })) {
    lines.push(line);
  }
  assert.deepEqual(lines, ['x']);
  const ended = pod.run({ rootfs: anyDirectory, command: ['parent'], timeoutMs: 30 });
  await assert.rejects(
    ended,
    (error: { code: string; details: { result: { stdout: string } } }) => {
      assert.deepEqual([error.code, error.details.result.stdout], ['timeout', 'started\n']);
      return true;
    },
  );
  const missing = pod.run({ rootfs: anyDirectory, command: ['/missing'] });
  await assert.rejects(missing, { code: 'invalid-argument' });
  const badInput = pod.run({ rootfs: anyDirectory, command: ['sleep'], input: Readable.from([1]) });
  await assert.rejects(badInput, { code: 'internal' });
  assert.deepEqual(world.left, before);
  assert.deepEqual(
    pod.containers.map(({ id }) => id),
    ['c'],
  );
  await end();
});

test('shown handles tell what they are and nothing of what they hold', async () => {
  const { pod, end } = await started();
  const options = { id: 'box', rootfs: anyDirectory, command: ['sleep'], env: { KEY: 'secret' } };
  const container = await pod.createContainer(options);
  await container.start();
  const process = await container.exec(['sleep'], { id: 'x', env: { KEY: 'secret' } });
  assert.equal(inspect(pod), "Pod { id: 'p', state: 'running', containers: [ 'c', 'box' ] }");
  assert.match(inspect(container), /^Container \{\s+id: 'box',\s+podId: 'p',\s+state: 'running'/);
  assert.equal(inspect(process), "Process { id: 'x', command: [ 'sleep' ], exit: null }");
  const texts = [pod, container, process].flatMap((it) => [inspect(it), JSON.stringify(it)]);
  for (const text of texts) assert.ok(text.length < 400 && !text.includes('secret'), text);
  await end();
});
