// Tests of whole runs through the real pods of the library, whose VMs are fakes that run the real guest service.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { anyDirectory, PodWorld } from '../../../testing/pod-world.js';
import { exitCodeFor } from '../report.js';
import { runContainer } from './run-container.js';
import { type RunFlags, toRunRequest } from './run-request.js';
import { Terminal } from './terminal.js';

function startRun(words: readonly string[], flags: RunFlags = {}) {
  const world = new PodWorld();
  const source = new EventEmitter();
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const host = {
    stdin: { fd: 0 },
    stdout: {},
    stderr: {},
    on: (event: string, listener: () => void) => source.on(event, listener),
    off: (event: string, listener: () => void) => source.off(event, listener),
  };
  const request = toRunRequest(
    words,
    { rootfs: anyDirectory, ...flags },
    { cwd: '/', environment: {}, fileEntries: [] },
  );
  let onStarted: () => void = () => {};
  const started = new Promise<void>((resolve) => {
    onStarted = resolve;
  });
  const finished = runContainer(request, {
    runtime: world.runtime,
    signals: source,
    terminal: new Terminal(host, { get: () => Buffer.alloc(36), set: () => {} }),
    openStdin: () => stdin,
    stdout,
    stderr,
    onStarted,
    onTimedOut: () => {},
    onOutOfMemory: () => {},
    onTimings: () => {},
  });
  finished.catch(() => {});
  const printed = async (): Promise<readonly string[]> => {
    stdout.end();
    stderr.end();
    return await Promise.all([text(stdout), text(stderr)]);
  };
  return { world, source, stdin, started, finished, printed };
}

test('a command prints, ends with its code, and nothing is left', async () => {
  const { world, finished, printed } = startRun(['echo', 'hello']);
  assert.equal(await finished, 0);
  assert.deepEqual(await printed(), ['hello\n', '']);
  world.assertNothingLeft();
  assert.equal(await startRun(['exit', '3']).finished, 3);
  assert.equal(await startRun(['eat-memory']).finished, 137);
  assert.equal(await startRun(['exit', '4'], { init: true }).finished, 4);
});

test('input and its end reach the command', async () => {
  const { stdin, finished, printed } = startRun(['cat'], { interactive: true });
  stdin.end('through');
  assert.equal(await finished, 0);
  assert.deepEqual(await printed(), ['through', '']);
});

test('a command that does not exist gives 127 and leaves nothing', async () => {
  const { world, finished } = startRun(['no-such-command']);
  const error = await finished.then(
    () => assert.fail('it ran'),
    (failure: unknown) => failure,
  );
  assert.equal(exitCodeFor(error), 127);
  world.assertNothingLeft();
});

test('a forwarded signal ends the command with its own code', async () => {
  const { world, source, started, finished } = startRun(['trap', '7']);
  await started;
  source.emit('SIGTERM');
  assert.equal(await finished, 7);
  world.assertNothingLeft();
});

test('a command that ignores signals is ended by the second ^C', async () => {
  const { world, source, started, finished } = startRun(['stubborn']);
  await started;
  source.emit('SIGTERM');
  await delay(10);
  source.emit('SIGINT');
  source.emit('SIGINT');
  assert.equal(await finished, 137);
  world.assertNothingLeft();
});

test('a signal at any moment of the start ends the run, and nothing is left', async () => {
  for (let turns = 0; turns < 40; turns += 1) {
    const { world, source, finished } = startRun(['sleep']);
    for (let turn = 0; turn < turns; turn += 1) await delay(0);
    source.emit('SIGTERM');
    // Once it runs the signal is the command's, which it ends.
    assert.equal(await finished, 143, `after ${turns} turns`);
    world.assertNothingLeft(`after ${turns} turns`);
  }
});

test('a command whose time is over is ended, its output is all there, and the code is 124', async () => {
  const { world, finished, printed } = startRun(['trap', '7'], { timeout: '20ms' });
  assert.equal(await finished, 124);
  await printed();
  world.assertNothingLeft();
});

test('a command that ends in time has its own code', async () => {
  const { world, finished } = startRun(['exit', '3'], { timeout: '1h' });
  assert.equal(await finished, 3);
  world.assertNothingLeft();
});
