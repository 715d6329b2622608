// Tests of a whole run against a fake runtime: order, exit codes, signals, terminal, and that the pod is always deleted.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { waitFor } from '../../../base/deadline.js';
import { VirtcontainersError } from '../../../base/errors.js';
import type { ExitStatus } from '../../../model/exit-status.js';
import type { AbortOptions, ContainerOptions } from '../../../model/options.js';
import type { Container, Pod, Runtime } from '../../../model/pod.js';
import { type RunContext, runContainer } from './run-container.js';
import type { RunRequest } from './run-request.js';
import { Terminal } from './terminal.js';

type Step = 'create-pod' | 'create-container' | 'start' | 'stop' | 'delete';

/** A runtime whose pod has one container; a step can be made to fail or to wait for ever. */
class FakeRun {
  readonly calls: string[] = [];
  readonly source = new EventEmitter();
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly container = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  };
  readonly failing = new Map<Step, Error | 'hang'>();
  options: ContainerOptions | undefined;
  exit: (status: ExitStatus) => void = () => {};
  lose: (error: Error) => void = () => {};
  readonly #exited = new Promise<ExitStatus>((resolve, reject) => {
    this.exit = (status) => {
      this.container.stdout.end();
      this.container.stderr.end();
      resolve(status);
    };
    this.lose = (error) => {
      this.container.stdout.destroy(error);
      this.container.stderr.destroy(error);
      reject(error);
    };
  });

  constructor() {
    this.#exited.catch(() => {});
  }

  async #step(step: Step, options?: AbortOptions): Promise<void> {
    this.calls.push(step);
    const failure = this.failing.get(step);
    if (failure === 'hang') {
      await waitFor(new Promise<never>(() => {}), { signal: options?.signal, what: step });
    } else if (failure !== undefined) {
      throw failure;
    }
  }

  runtime(): Runtime {
    const createPod: Runtime['createPod'] = async (options) => {
      await this.#step('create-pod', options);
      return this.#pod();
    };
    return { createPod } as Partial<Runtime> as Runtime;
  }

  #pod(): Pod {
    const pod: Partial<Pod> = {
      timings: [{ step: 'vm-boot', durationMs: 5 }],
      createContainer: async (options) => {
        await this.#step('create-container', options);
        this.options = options;
        return this.#container();
      },
      delete: async (options) => {
        assert.deepEqual(options, { force: true });
        await this.#step('delete');
      },
    };
    return pod as Pod;
  }

  #container(): Container {
    const container: Partial<Container> = {
      ...this.container,
      start: (options) => this.#step('start', options),
      wait: (options) => waitFor(this.#exited, { signal: options?.signal, what: 'wait' }),
      kill: async (name) => {
        this.calls.push(`kill ${name}`);
      },
      stop: (options) => this.#step('stop', options),
      resize: async ({ columns, rows }) => {
        this.calls.push(`resize ${columns}x${rows}`);
      },
    };
    return container as Container;
  }

  size: [number, number] = [100, 30];
  modes = 0;

  context(overrides: Partial<RunContext> = {}): RunContext {
    const host = {
      stdin: { isTTY: true, fd: 0 },
      stdout: { isTTY: true, getWindowSize: () => this.size },
      stderr: {},
      on: (event: string, listener: () => void) => this.source.on(event, listener),
      off: (event: string, listener: () => void) => this.source.off(event, listener),
    };
    const terminal = new Terminal(host, {
      get: () => Buffer.alloc(36),
      set: (_fd, mode) => this.calls.push(mode.some((byte) => byte !== 0) ? 'raw' : 'cooked'),
    });
    return {
      runtime: this.runtime(),
      signals: this.source,
      terminal,
      openStdin: () => {
        this.calls.push('open stdin');
        return this.stdin;
      },
      stdout: this.stdout,
      stderr: this.stderr,
      onStarted: () => this.calls.push('started'),
      onTimedOut: () => this.calls.push('timed out'),
      onOutOfMemory: () => this.calls.push('out of memory'),
      onTimings: () => this.calls.push('timings'),
      ...overrides,
    };
  }

  /** As `until`, for what a timer causes. */
  async untilCalled(call: string): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!this.calls.includes(call)) {
      assert.ok(performance.now() < deadline, `${call} never came: ${this.calls.join(', ')}`);
      await delay(1);
    }
  }

  async until(call: string): Promise<void> {
    for (let turns = 0; !this.calls.includes(call); turns += 1) {
      assert.ok(turns < 1000, `${call} never came: ${this.calls.join(', ')}`);
      await turn();
    }
    await turn();
  }
}

const exited = (code: number): ExitStatus => ({ code, signal: null, reason: 'exited' });
const plain: RunRequest = {
  pod: { id: 'a' },
  inPod: null,
  container: { id: 'a', rootfs: '/r', command: ['x'] },
  interactive: false,
  tty: false,
  timeoutMs: null,
  accelerator: undefined,
};
const interactive: RunRequest = { ...plain, interactive: true };
const onTerminal: RunRequest = { ...interactive, tty: true };

test('output is passed on, the exit code is the container’s, and the pod is deleted', async () => {
  const fake = new FakeRun();
  const running = runContainer(plain, fake.context());
  await fake.until('started');
  fake.container.stdout.write('out');
  fake.container.stderr.write('err');
  fake.exit(exited(3));
  assert.equal(await running, 3);
  fake.stdout.end();
  fake.stderr.end();
  assert.deepEqual([await text(fake.stdout), await text(fake.stderr)], ['out', 'err']);
  assert.deepEqual(fake.calls, [
    'create-pod',
    'create-container',
    'start',
    'started',
    'timings',
    'delete',
  ]);
  assert.deepEqual(fake.source.eventNames(), []);
});

test('the exit is told only when a slow reader has all of the output', async () => {
  const fake = new FakeRun();
  const slow = new PassThrough({ highWaterMark: 10 });
  const running = runContainer(plain, fake.context({ stdout: slow }));
  await fake.until('started');
  fake.container.stdout.write(Buffer.alloc(100_000, 'x'));
  fake.exit(exited(0));
  let done = false;
  void running.then(() => {
    done = true;
  });
  for (let turns = 0; turns < 20; turns += 1) await turn();
  assert.equal(done, false);
  const received = buffer(slow);
  assert.equal(await running, 0);
  slow.end();
  assert.equal((await received).length, 100_000);
});

test('input is passed on with -i, and let go of at the end', async () => {
  const fake = new FakeRun();
  const running = runContainer(interactive, fake.context());
  await fake.until('open stdin');
  fake.stdin.end('bytes');
  assert.equal(await text(fake.container.stdin), 'bytes');
  fake.exit(exited(0));
  await running;
  assert.equal(fake.stdin.destroyed, true);
  assert.equal(fake.calls.includes('raw'), false);
});

for (const step of ['create-pod', 'create-container', 'start'] as const) {
  test(`a signal during ${step} aborts it and cleans up`, async () => {
    const fake = new FakeRun();
    fake.failing.set(step, 'hang');
    const running = runContainer(onTerminal, fake.context());
    await fake.until(step);
    fake.source.emit('SIGTERM');
    assert.equal(await running, 143);
    assert.equal(fake.calls.includes('delete'), step !== 'create-pod');
    assert.equal(fake.calls.includes('open stdin'), false);
  });

  test(`a failure of ${step} is thrown after the clean-up`, async () => {
    const fake = new FakeRun();
    const failure = new VirtcontainersError('internal', `cannot ${step}`);
    fake.failing.set(step, failure);
    await assert.rejects(runContainer(onTerminal, fake.context()), failure);
    assert.equal(fake.calls.includes('delete'), step !== 'create-pod');
    assert.deepEqual(fake.source.eventNames(), []);
  });
}

test('an abort that could not clean up is told', async () => {
  const fake = new FakeRun();
  const failure = new VirtcontainersError('cancelled', 'cannot create pod a: aborted', {
    details: { failedCleanups: ['share: EBUSY'] },
  });
  fake.failing.set('create-pod', failure);
  const context = fake.context();
  const running = runContainer(plain, context);
  fake.source.emit('SIGINT');
  await assert.rejects(running, failure);
});

test('signals are forwarded while it runs; a second ^C ends it with 137', async () => {
  const fake = new FakeRun();
  const running = runContainer(plain, fake.context());
  await fake.until('started');
  fake.source.emit('SIGUSR1');
  fake.source.emit('SIGINT');
  fake.source.emit('SIGINT');
  assert.equal(await running, 137);
  assert.deepEqual(
    fake.calls.filter((call) => call.startsWith('kill')),
    ['kill SIGUSR1', 'kill SIGINT'],
  );
  assert.equal(fake.calls.at(-1), 'delete');
});

test('a signal ends the wait for a reader that takes nothing after the container has ended', async () => {
  const fake = new FakeRun();
  const stuck = new Writable({ highWaterMark: 1, write: () => {} });
  const running = runContainer(plain, fake.context({ stdout: stuck }));
  await fake.until('started');
  fake.container.stdout.write(Buffer.alloc(10));
  fake.exit(exited(0));
  for (let turns = 0; turns < 20; turns += 1) await turn();
  fake.source.emit('SIGINT');
  assert.equal(await running, 130);
});

test('a reader that goes away ends the run quietly with 141', async () => {
  const fake = new FakeRun();
  const gone = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' })),
  });
  const running = runContainer(plain, fake.context({ stdout: gone }));
  await fake.until('started');
  fake.container.stdout.write('x');
  assert.equal(await running, 141);
  assert.equal(fake.calls.at(-1), 'delete');
});

test('output that cannot be written ends the run with that error', async () => {
  const fake = new FakeRun();
  const full = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('full'), { code: 'ENOSPC' })),
  });
  const running = runContainer(plain, fake.context({ stdout: full }));
  await fake.until('started');
  fake.container.stdout.write('x');
  await assert.rejects(running, { message: 'cannot write standard output: full' });
  assert.equal(fake.calls.at(-1), 'delete');
});

test('output that cannot be written is an error also where the container has ended by then', async () => {
  const fake = new FakeRun();
  let fail = (): void => {};
  const stuck = new Writable({
    write: (_chunk, _encoding, done) => {
      fail = () => done(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    },
  });
  const running = runContainer(plain, fake.context({ stdout: stuck }));
  await fake.until('started');
  fake.container.stdout.write('x');
  fake.exit({ code: 0, signal: null, reason: 'exited' });
  for (let turns = 0; turns < 5; turns += 1) await turn();
  fail();
  await assert.rejects(running, { message: 'cannot write standard output: full' });
  assert.equal(fake.calls.at(-1), 'delete');
});

test('a clean-up that fails hides neither the failure before it nor itself', async () => {
  const failure = new VirtcontainersError(
    'unavailable',
    'cannot start container c: the VM is gone',
  );
  const leftOver = new VirtcontainersError('internal', 'cannot delete pod a: EBUSY');
  const fake = new FakeRun();
  fake.failing.set('start', failure).set('delete', leftOver);
  await assert.rejects(runContainer(plain, fake.context()), (error: VirtcontainersError) => {
    assert.equal(error.message, failure.message);
    assert.deepEqual(error.details['failedCleanups'], ['pod: cannot delete pod a: EBUSY']);
    return true;
  });
  assert.deepEqual(fake.source.eventNames(), []);

  const well = new FakeRun();
  well.failing.set('delete', leftOver);
  const running = runContainer(plain, well.context());
  await well.until('started');
  well.exit({ code: 0, signal: null, reason: 'exited' });
  await assert.rejects(running, { message: leftOver.message });
  assert.deepEqual(well.source.eventNames(), []);
});

test('a VM that dies is an error, after the clean-up', async () => {
  const fake = new FakeRun();
  const running = runContainer(onTerminal, fake.context());
  await fake.until('raw');
  fake.lose(new VirtcontainersError('unavailable', 'the VM is gone'));
  await assert.rejects(running, { code: 'unavailable' });
  assert.deepEqual(fake.calls.slice(-3), ['cooked', 'timings', 'delete']);
});

test('with -it the terminal is raw while the container runs, has its size, and is resized', async () => {
  const fake = new FakeRun();
  const running = runContainer(onTerminal, fake.context());
  await fake.until('open stdin');
  assert.deepEqual(fake.options?.terminal, { columns: 100, rows: 30 });
  fake.size = [120, 40];
  fake.source.emit('SIGWINCH');
  fake.exit(exited(0));
  await running;
  assert.deepEqual(fake.calls.slice(3), [
    'started',
    'raw',
    'open stdin',
    'resize 120x40',
    'cooked',
    'timings',
    'delete',
  ]);
});

test('a resize while it starts is made up for', async () => {
  const fake = new FakeRun();
  const context = fake.context();
  const running = runContainer(onTerminal, {
    ...context,
    onStarted: () => {
      fake.size = [90, 20];
    },
  });
  await fake.until('open stdin');
  fake.exit(exited(0));
  await running;
  assert.ok(fake.calls.includes('resize 90x20'));
});

test('with -t alone the terminal keeps its mode, so that ^C stays a signal', async () => {
  const fake = new FakeRun();
  const running = runContainer({ ...plain, tty: true }, fake.context());
  await fake.until('started');
  fake.exit(exited(0));
  await running;
  assert.equal(fake.calls.includes('raw'), false);
});

/** Runs the plainest container for five milliseconds at most. */
function startLimited(fake: FakeRun, context: Partial<RunContext> = {}) {
  return runContainer({ ...plain, timeoutMs: 5 }, fake.context(context));
}

test('when the time is over the container is stopped once and the exit code is 124, whatever its own', async () => {
  const fake = new FakeRun();
  const running = startLimited(fake);
  await fake.untilCalled('stop');
  fake.exit(exited(0));
  assert.equal(await running, 124);
  assert.deepEqual(
    fake.calls.filter((call) => call === 'stop' || call === 'timed out'),
    ['timed out', 'stop'],
  );
  assert.equal(fake.calls.at(-1), 'delete');
});

test('a container that cannot be stopped when its time is over ends with its pod', async () => {
  const fake = new FakeRun();
  fake.failing.set('stop', new VirtcontainersError('timeout', 'cannot stop container c'));
  assert.equal(await startLimited(fake), 124);
  assert.equal(fake.calls.at(-1), 'delete');
});

test('a signal during the grace ends the wait for it', async () => {
  const fake = new FakeRun();
  fake.failing.set('stop', 'hang');
  const running = startLimited(fake);
  await fake.untilCalled('stop');
  fake.source.emit('SIGINT');
  fake.source.emit('SIGINT');
  assert.equal(await running, 137);
});

test('a reader that takes nothing does not keep a container whose time is over', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const fake = new FakeRun();
  const stuck = new Writable({ highWaterMark: 1, write: () => {} });
  const running = startLimited(fake, { stdout: stuck });
  await fake.until('started');
  fake.container.stdout.write(Buffer.alloc(10));
  t.mock.timers.tick(5);
  await fake.until('stop');
  fake.exit(exited(143));
  for (let turns = 0; turns < 20; turns += 1) await turn();
  t.mock.timers.tick(10_000);
  assert.equal(await running, 124);
});

test('the time that a start takes does not count', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const fake = new FakeRun();
  const running = startLimited(fake);
  t.mock.timers.tick(1000);
  await fake.until('started');
  fake.exit(exited(0));
  assert.equal(await running, 0);
});

for (const [reason, calls] of [
  ['oom', ['out of memory']],
  ['signaled', []],
] as const) {
  test(`a command that SIGKILL has ended because of "${reason}" gives 137 and is told as ${calls}`, async () => {
    const fake = new FakeRun();
    const running = runContainer(plain, fake.context());
    await fake.until('started');
    fake.exit({ code: 137, signal: 'SIGKILL', reason });
    assert.equal(await running, 137);
    assert.deepEqual(
      fake.calls.filter((call) => call === 'out of memory'),
      calls,
    );
  });
}
