// What every pod must do, whoever owns it, to be run on a pod of this process and on one that is used over its sockets.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { PodEvent } from '../model/events.js';
import type { ContainerOptions } from '../model/options.js';
import type { Container, Pod } from '../model/pod.js';
import type { UnfinishedResult } from '../model/process-result.js';
import type { FakeCrunOptions } from '../testing/fake-crun.js';
import { anyDirectory, type PodWorld } from '../testing/pod-world.js';

export interface PodUnderTest {
  readonly world: PodWorld;
  /** The pod that is tested, of id `p`. */
  readonly pod: Pod;
  dispose(): Promise<void>;
}

export type MakePod = (crun?: FakeCrunOptions) => Promise<PodUnderTest>;

/** What was thrown, as a test looks at it. */
export interface Told {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly cause: unknown;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

export const options = (
  command: readonly string[],
  more: Partial<ContainerOptions> = {},
): ContainerOptions => ({ rootfs: anyDirectory, command, ...more });

export const errorOf = (promise: Promise<unknown>): Promise<Told> =>
  promise.then(
    () => assert.fail('it must not end well'),
    (error: Told) => error,
  );

export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A container of the pod that runs until it is told to end. */
export async function running(pod: Pod, more: Partial<ContainerOptions> = {}): Promise<Container> {
  const container = await pod.createContainer(options(['trap', '7'], { id: 'c', ...more }));
  await container.start();
  return container;
}

async function collect(events: AsyncIterable<PodEvent>): Promise<string[]> {
  const kinds: string[] = [];
  for await (const { kind } of events) kinds.push(kind);
  return kinds;
}

/** @param make a pod of a fresh world */
export function podSuite(name: string, make: MakePod): void {
  const check = (
    title: string,
    work: (of: PodUnderTest) => Promise<void>,
    crun?: FakeCrunOptions,
  ): void => {
    test(`${name}: ${title}`, async () => {
      const of = await make(crun);
      try {
        await work(of);
      } finally {
        await of.dispose();
      }
    });
  };

  check('a container is created, runs to its end, and is deleted with the pod', async (of) => {
    const { pod, world } = of;
    assert.equal(pod.id, 'p');
    assert.equal((await pod.status()).state, 'ready');
    const container = await pod.createContainer(options(['exit', '3'], { id: 'c' }));
    assert.equal(pod.container('c'), container);
    assert.equal(container.pod, pod);
    assert.deepEqual(container.command, ['exit', '3']);
    assert.equal((await container.status()).state, 'ready');
    const waiting = container.wait();
    await container.start();
    assert.deepEqual(await waiting, { code: 3, signal: null, reason: 'exited' });
    assert.equal((await container.status()).state, 'stopped');
    assert.equal((await pod.status()).containers[0]?.exit?.code, 3);
    await container.delete();
    await container.delete();
    assert.deepEqual(pod.containers, []);
    await pod.stop();
    assert.equal((await pod.status()).state, 'stopped');
    await pod.delete();
    await pod.delete();
    await assert.rejects(pod.status(), { code: 'not-found' });
    world.assertNothingLeft();
  });

  check('a started container prints, reads, is signalled and starts anew', async ({ pod }) => {
    const container = await pod.createContainer(options(['cat'], { id: 'c', stdin: true }));
    await container.start();
    container.stdin.write('one ');
    container.stdin.end('two');
    assert.equal(await text(container.stdout), 'one two');
    assert.equal(await text(container.stderr), '');
    assert.equal((await container.wait()).code, 0);
    const before = container.stdout;
    await container.start();
    assert.notEqual(container.stdout, before);
    assert.equal((await container.status()).state, 'running');
    await container.kill('SIGKILL');
    assert.equal((await container.wait()).signal, 'SIGKILL');
    await assert.rejects(container.resize({ columns: 1, rows: 1 }), { code: 'invalid-state' });
  });

  check('exec runs a process with input and output, which can be waited for again', async (of) => {
    const container = await running(of.pod);
    const process = await container.exec(['cat'], { id: 'x', stdin: true, env: { A: '1' } });
    assert.equal(process.id, 'x');
    assert.deepEqual(process.command, ['cat']);
    const printed = text(process.stdout);
    process.stdin.write('hello ');
    await pause(5);
    process.stdin.end('world\n');
    assert.equal(await printed, 'hello world\n');
    const exit = { code: 0, signal: null, reason: 'exited' };
    assert.deepEqual(await Promise.all([process.wait(), process.wait()]), [exit, exit]);
    assert.deepEqual(await process.wait(), exit);
    await process.kill();
    const warning = await container.exec(['warn', 'oh']);
    assert.equal(await text(warning.stderr), 'oh\n');
    const lines: string[] = [];
    for await (const line of (await container.exec(['echo', 'a\nb'])).lines()) lines.push(line);
    assert.deepEqual(lines, ['a', 'b']);
    const slow = await container.exec(['sleep']);
    await slow.kill('TERM');
    assert.deepEqual(await slow.wait(), { code: 143, signal: 'SIGTERM', reason: 'signaled' });
  });

  check('what a process floods arrives whole', async ({ pod }) => {
    const container = await running(pod);
    const bytes = 3 * 1024 * 1024 + 17;
    const process = await container.exec(['flood', String(bytes)]);
    let position = 0;
    for await (const chunk of process.stdout as AsyncIterable<Buffer>) {
      for (const byte of chunk) if (byte !== position++ % 251) assert.fail(`at ${position - 1}`);
    }
    assert.equal(position, bytes);
    assert.equal((await process.wait()).code, 0);
  });

  check('run does a command or a container in one call, input and all', async ({ pod, world }) => {
    const container = await running(pod);
    const result = await container.run(['cat'], { input: 'in and out' });
    assert.deepEqual([result.ok, result.code, result.stdout], [true, 0, 'in and out']);
    assert.equal((await container.run(['exit', '4'])).code, 4);
    const lines: string[] = [];
    for await (const line of container.run(['echo', 'x y'])) lines.push(line);
    assert.deepEqual(lines, ['x y']);
    const whole = await pod.run(options(['cat'], { id: 'r' }));
    assert.equal(whole.stdout, '');
    const fed = await pod.run({ ...options(['cat']), input: Buffer.from('bytes') });
    assert.equal(fed.stdout, 'bytes');
    assert.equal(fed.stdoutBytes.length, 5);
    assert.deepEqual(
      (await pod.status()).containers.map(({ id }) => id),
      ['c'],
    );
    assert.equal(world.disk.names.size, 1);
  });

  check('a command whose time is over ends with all that came from it', async ({ pod }) => {
    const container = await running(pod);
    const error = await errorOf(container.run(['parent'], { timeoutMs: '40ms' }));
    assert.equal(error.code, 'timeout');
    assert.match(error.message, /^cannot finish "parent" \(process .* of container c\): it was/);
    assert.match(String(error.hint), /timeoutMs/);
    const result = error.details['result'] as UnfinishedResult;
    assert.equal(result.stdout, 'started\n');
    assert.deepEqual(error.details['exit'], { code: 143, signal: 'SIGTERM', reason: 'signaled' });
    const process = await container.exec(['stubborn'], { timeoutMs: 30, killGraceMs: 20 });
    const killed = await errorOf(process.wait());
    assert.equal(killed.code, 'timeout');
    assert.equal((killed.details['exit'] as { signal: string }).signal, 'SIGKILL');
    // It has ended in time itself, what it has left behind has not.
    const held = await errorOf(container.run(['daemon', 'holding'], { timeoutMs: 60 }));
    assert.equal(held.code, 'timeout');
    const one = await errorOf(pod.run({ ...options(['sleep']), timeoutMs: 40 }));
    assert.equal(one.code, 'timeout');
    assert.equal((await pod.status()).containers.length, 1);
  });

  check('a signal ends a command and says why', async ({ pod }) => {
    const container = await running(pod);
    const abort = new AbortController();
    const process = await container.exec(['sleep'], { signal: abort.signal });
    const waiting = errorOf(process.wait());
    const reason = new Error('enough');
    abort.abort(reason);
    const error = await within(2_000, waiting);
    assert.deepEqual([error.name, error.code], ['AbortError', 'cancelled']);
    assert.equal(error.cause, reason);
    assert.equal((error.details['exit'] as { code: number }).code, 143);
    const run = errorOf(container.run(['parent'], { signal: AbortSignal.timeout(30) }));
    const ended = await within(2_000, run);
    assert.equal(ended.name, 'AbortError');
    assert.equal((ended.details['result'] as UnfinishedResult).stdout, 'started\n');
    const gone = await errorOf(container.exec(['true'], { signal: AbortSignal.abort(reason) }));
    assert.equal(gone.cause, reason);
  });

  check('pause and resume hold a container and the pod, and refuse what they hold', async (of) => {
    const { pod } = of;
    const container = await running(pod);
    await container.pause();
    assert.equal((await container.status()).state, 'paused');
    const refusal = await errorOf(container.exec(['true']));
    assert.equal(refusal.code, 'invalid-state');
    assert.equal(refusal.hint, 'resume it first');
    assert.deepEqual(refusal.details['allowed'], ['running']);
    await assert.rejects(container.pause(), { code: 'invalid-state' });
    await container.resume();
    await pod.pause();
    assert.equal((await pod.status()).state, 'paused');
    await assert.rejects(container.stats(), { code: 'invalid-state' });
    await pod.resume();
    await container.stop();
    await pod.start();
    assert.equal((await pod.status()).state, 'running');
  });

  check('statistics and processes are told', async ({ pod }) => {
    const container = await running(pod);
    const stats = await pod.stats();
    assert.deepEqual(
      stats.containers.map(({ containerId }) => containerId),
      ['c'],
    );
    assert.ok(stats.vm.memoryTotalBytes > 0);
    assert.equal((await container.stats()).containerId, 'c');
    const list = await container.processes();
    assert.ok(list.total >= 1 && list.processes.length >= 1);
    await pod.status();
    assert.ok(pod.timings.some(({ step }) => step === 'container-start'));
  });

  check('events come in order, to each listener, up to the end of the pod', async ({ pod }) => {
    const first = pod.events();
    const all = collect(pod.events());
    const container = await pod.createContainer(options(['trap', '0'], { id: 'c' }));
    await container.start();
    const process = await container.exec(['true']);
    await process.wait();
    assert.equal((await first.next()).value?.kind, 'container-created');
    await first.return?.();
    assert.equal((await first.next()).done, true);
    await container.stop();
    await pod.delete({ force: true });
    assert.deepEqual(await within(2_000, all), [
      ...['container-created', 'pod-started', 'container-started', 'exec-started', 'exec-exited'],
      ...['container-exited', 'pod-stopped', 'container-deleted', 'pod-deleted'],
    ]);
    assert.deepEqual(await collect(pod.events()), []);
  });

  check('a signal ends a listener, and wrong options are refused at once', async ({ pod }) => {
    const abort = new AbortController();
    const listener = pod.events({ signal: abort.signal });
    const next = listener.next();
    abort.abort();
    assert.equal((await within(1_000, next)).done, true);
    assert.throws(() => pod.events({ colour: 1 } as never), { code: 'invalid-argument' });
    const aborted = pod.events({ signal: AbortSignal.abort() });
    assert.equal((await aborted.next()).done, true);
  });

  check('a reader that is far behind learns how much it has missed', async ({ pod }) => {
    const container = await running(pod);
    const events = pod.events();
    // The owner has begun to listen when it answers what comes behind.
    await pod.status();
    for (let round = 0; round < 600; round++) {
      await container.pause();
      await container.resume();
    }
    await pod.delete({ force: true });
    const got: PodEvent[] = [];
    for await (const event of events) got.push(event);
    const missed = got.filter((event) => event.kind === 'missed');
    const told = got.length - missed.length;
    assert.ok(missed.length >= 1 && told >= 1_024, `${told} told`);
    const count = missed.reduce((sum, event) => sum + event.count, 0);
    // The last four tell the end.
    assert.ok(told + count >= 1_203 && told + count <= 1_204, `${told} and ${count}`);
  });

  check(
    'an abort undoes what the call had begun',
    async ({ pod, world }) => {
      const reason = new Error('no more');
      for (const verb of ['create', 'start', 'exec', 'wait'] as const) {
        const container = await pod.createContainer(options(['sleep'], { id: verb }));
        if (verb === 'exec' || verb === 'wait') await container.start();
        const abort = new AbortController();
        const { signal } = abort;
        const calls = {
          create: () => pod.createContainer(options(['sleep'], { id: 'late', signal })),
          start: () => container.start({ signal }),
          exec: () => container.exec(['sleep'], { id: 'x', signal }),
          wait: () => container.wait({ signal }),
        };
        const call = calls[verb]();
        setTimeout(() => abort.abort(reason), 30);
        const error = await within(5_000, errorOf(call));
        assert.deepEqual([verb, error.name, error.code], [verb, 'AbortError', 'cancelled']);
        assert.equal(error.cause, reason);
        held.free();
        await container.delete({ force: true });
      }
      assert.equal(world.disk.names.size, 0);
      assert.deepEqual((await pod.status()).containers, []);
    },
    heldSteps(),
  );

  check('what one call waits for delays no other', async ({ pod }) => {
    const container = await pod.createContainer(options(['stubborn'], { id: 'c' }));
    await container.start();
    const other = await pod.createContainer(options(['trap', '0'], { id: 'd' }));
    await other.start();
    const stopping = container.stop({ graceMs: 400 });
    const begun = performance.now();
    await pod.status();
    await container.stats();
    assert.equal((await other.run(['echo', 'quick'])).stdout, 'quick\n');
    await other.stop();
    assert.ok(performance.now() - begun < 400);
    await stopping;
    assert.equal((await container.status()).exit?.signal, 'SIGKILL');
  });

  check('the death of the VM reaches every waiter with its last words', async ({ pod, world }) => {
    const container = await running(pod);
    const process = await container.exec(['sleep']);
    const waiting = [container.wait(), process.wait()].map(errorOf);
    world.hypervisor.vm.panic();
    for (const error of await within(2_000, Promise.all(waiting))) {
      assert.equal(error.code, 'unavailable');
      assert.match(error.message, /the VM is gone/);
      assert.match(String(error.details['consoleTail']), /the last line/);
    }
    assert.equal((await pod.status()).state, 'stopped');
    await pod.delete();
    world.assertNothingLeft();
  });

  check('errors say the same, with code, hint and details', async ({ pod }) => {
    const container = await running(pod);
    const absent = await errorOf(container.exec(['no-such-program']));
    assert.equal(absent.details['reason'], 'command-not-found');
    assert.equal(
      absent.message,
      'cannot exec in container c: command "no-such-program": command-not-found',
    );
    const twice = await errorOf(pod.createContainer(options(['true'], { id: 'c' })));
    assert.equal(twice.code, 'already-exists');
    assert.equal(twice.message, 'cannot create container c: pod p has one of that id');
    assert.throws(() => pod.container('nobody'), { code: 'not-found' });
    const running409 = await errorOf(container.delete());
    assert.deepEqual(
      [running409.code, running409.hint],
      ['invalid-state', 'stop it first, or delete it with `force: true`'],
    );
    await assert.rejects(container.exec(['true'], { id: '../x' }), { code: 'invalid-argument' });
  });

  for (const [wrong, message, call] of wrongCalls) {
    check(`${wrong} is refused by name`, async ({ pod }) => {
      const container = await running(pod);
      const error = await errorOf(call(container));
      assert.equal(error.code, 'invalid-argument');
      assert.match(error.message, message);
    });
  }

  check('handles show themselves and end with their scope', async ({ pod, world }) => {
    const container = await running(pod);
    assert.match(inspect(pod), /^Pod \{ id: 'p', state: '\w+', containers: \[ 'c' \] \}/);
    assert.match(inspect(container), /^Container \{[\s\S]*id: 'c',[\s\S]*podId: 'p'/);
    assert.equal(JSON.parse(JSON.stringify(container)).podId, 'p');
    const process = await container.exec(['true'], { id: 'x' });
    assert.match(inspect(process), /^Process \{ id: 'x', command: \[ 'true' \]/);
    await container[Symbol.asyncDispose]();
    await container[Symbol.asyncDispose]();
    await assert.rejects(container.status(), { code: 'not-found' });
    await pod[Symbol.asyncDispose]();
    world.assertNothingLeft();
  });
}

/** A step of the guest's runtime that waits until it is freed. */
const held = { free: (): void => {} };

// What is made under these names hangs until the test frees it.
function heldSteps(): FakeCrunOptions {
  return {
    onStep: (step, containerId) => {
      const hangs =
        (step === 'create' && containerId === 'late') ||
        (step === 'start' && containerId === 'start') ||
        (step === 'exec' && containerId === 'exec');
      if (!hangs) return;
      return new Promise<void>((resolve) => {
        held.free = resolve;
        setTimeout(resolve, 200);
      });
    },
  };
}

const wrongCalls: readonly (readonly [
  string,
  RegExp,
  (container: Container) => Promise<unknown>,
])[] = [
  [
    'an unknown option of a container',
    /unknown option `rootfz` for a container: did you mean `rootfs`\?/,
    ({ pod }) => pod.createContainer({ ...options(['true']), rootfz: 1 } as never),
  ],
  [
    'an option of a container that JSON cannot say',
    /option `memoryMiB` must be/,
    ({ pod }) => pod.createContainer(options(['true'], { memoryMiB: Number.NaN })),
  ],
  [
    'a container without options',
    /the options must be an object, not undefined/,
    ({ pod }) => pod.createContainer(undefined as never),
  ],
  [
    'a signal that is none',
    /option `signal` must be an AbortSignal, not 5/,
    (container) => container.exec(['true'], { signal: 5 as never }),
  ],
  [
    'a command that is none',
    /the command must be a list of texts that begins with a program, not 'true'/,
    (container) => container.exec('true' as never),
  ],
  [
    'a command that is missing',
    /the command must be a list of texts that begins with a program, not undefined/,
    (container) => container.exec(undefined as never),
  ],
  [
    'an unknown option of run',
    /unknown option `stdin` for run/,
    (container) => container.run(['true'], { stdin: true } as never),
  ],
  [
    'an unknown option of a call',
    /unknown option `force` for stop/,
    (container) => container.stop({ force: true } as never),
  ],
  [
    'an unknown option of a call without options',
    /unknown option `soon` for this call/,
    (container) => container.pause({ soon: true } as never),
  ],
  [
    'an unknown signal',
    /the signal must be a name such as 'SIGTERM'/,
    (container) => container.kill('SIGNOTHING'),
  ],
];
