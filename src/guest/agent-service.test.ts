import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { sleep } from '../base/deadline.js';
import { FakeCrun, type FakeCrunOptions } from '../testing/fake-crun.js';
import { FakeSystem } from '../testing/fake-system.js';
import {
  Agent,
  ErrorDetail_Reason,
  ErrorDetailSchema,
  OutputStream,
} from '../wire/gen/agent_pb.js';
import { connectClient, createClient, duplexPair, RpcError, serve } from '../wire/ttrpc/index.js';
import { createAgentService, protocolVersion } from './agent-service.js';

function connect(options: FakeCrunOptions = {}) {
  const runtime = new FakeCrun(options);
  const system = new FakeSystem();
  const [near, far] = duplexPair();
  const server = serve(far, [createAgentService({ system, runtime, version: '1.2.3' })]);
  const connection = connectClient(near);
  const agent = createClient(Agent, connection);
  const close = async (): Promise<void> => {
    connection.close();
    server.close();
    await server.closed;
  };
  return { agent, runtime, system, close };
}

type Client = ReturnType<typeof connect>['agent'];

async function withAgent(
  work: (fixture: ReturnType<typeof connect>) => Promise<void>,
  options: FakeCrunOptions = {},
): Promise<void> {
  const fixture = connect(options);
  try {
    await fixture.agent.handshake({ protocolVersion, hostVersion: 'test' });
    await work(fixture);
  } finally {
    await fixture.close();
  }
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function creation(args: readonly string[], more: { terminal?: boolean; id?: string } = {}) {
  return {
    containerId: more.id ?? 'c',
    specJson: json({ process: { args, terminal: more.terminal ?? false } }),
    root: {
      kind: {
        case: 'directory' as const,
        value: { source: { share: { tag: 'virtc-ro', cached: true }, path: 'root' } },
      },
    },
    stdin: true,
    ...(more.terminal === true ? { terminalSize: { columns: 80, rows: 25 } } : {}),
  };
}

async function run(agent: Client, args: readonly string[], more: { terminal?: boolean } = {}) {
  await agent.createContainer(creation(args, more));
  await agent.startContainer({ containerId: 'c' });
}

async function readAll(agent: Client, stream: OutputStream, processId = ''): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let offset = 0n;
  for (;;) {
    const range = { stream, offset, acknowledged: offset };
    const { data, end } = await agent.readOutput({ containerId: 'c', processId, ...range });
    pieces.push(data);
    offset += BigInt(data.length);
    if (end) return Buffer.concat(pieces);
  }
}

function reasonOf(error: unknown): ErrorDetail_Reason {
  assert.ok(error instanceof RpcError, String(error));
  const [detail] = error.details;
  if (detail === undefined) return ErrorDetail_Reason.UNSPECIFIED;
  assert.equal(detail.typeUrl, 'type.googleapis.com/virtcontainers.agent.v1.ErrorDetail');
  return fromBinary(ErrorDetailSchema, detail.value).reason;
}

const failsWith =
  (code: string, reason = ErrorDetail_Reason.UNSPECIFIED) =>
  (error: unknown) => {
    assert.ok(error instanceof RpcError, String(error));
    assert.equal(error.code, code);
    assert.equal(reasonOf(error), reason);
    return true;
  };

test('nothing is answered before a handshake, nor after one with another version', async () => {
  const { agent, close } = connect();
  await assert.rejects(
    agent.online({ cpus: 1 }),
    failsWith('failed-precondition', ErrorDetail_Reason.PROTOCOL_VERSION),
  );
  const info = await agent.handshake({ protocolVersion, hostVersion: '9.9.9' });
  assert.equal(info.agentVersion, '1.2.3');
  assert.equal(info.kernelRelease, '6.1.0-fake');
  await agent.online({ cpus: 1 });
  await assert.rejects(agent.handshake({ protocolVersion: 99, hostVersion: '9.9.9' }), (error) => {
    assert.match(String(error), /host \(9\.9\.9\) speaks 99, the agent \(1\.2\.3\)/);
    return failsWith('failed-precondition', ErrorDetail_Reason.PROTOCOL_VERSION)(error);
  });
  await assert.rejects(agent.online({ cpus: 1 }), failsWith('failed-precondition', 6));
  await close();
});

test('personalize and online reach the machine', () =>
  withAgent(async ({ agent, system }) => {
    const identity = { hostname: 'pod', machineId: '0'.repeat(32), timeNs: 5n };
    await agent.personalize({ ...identity, entropy: new Uint8Array(32) });
    assert.equal(system.identities[0]?.hostname, 'pod');
    assert.equal(system.identities[0]?.timeNs, 5n);
    const size = await agent.online({ cpus: 3, memoryBytes: 1n });
    assert.equal(size.cpus, 3);
  }));

test('a container runs: output of both kinds, exit code, removal', () =>
  withAgent(async ({ agent, runtime }) => {
    await run(agent, ['echo', 'hi', 'there']);
    assert.equal((await readAll(agent, OutputStream.STDOUT)).toString(), 'hi there\n');
    assert.equal((await readAll(agent, OutputStream.STDERR)).length, 0);
    const status = await agent.wait({ containerId: 'c' });
    assert.deepEqual([status.exitCode, status.signal, status.oom], [0, 0, false]);
    assert.equal((await agent.wait({ containerId: 'c' })).exitCode, 0, 'waiting again');
    await agent.destroyContainer({ containerId: 'c' });
    await agent.destroyContainer({ containerId: 'c' });
    assert.equal(runtime.containers.size, 0);
    const gone = failsWith('not-found', ErrorDetail_Reason.NO_SUCH_CONTAINER);
    await assert.rejects(agent.wait({ containerId: 'c' }), gone);
  }));

test('a process waits for start', () =>
  withAgent(async ({ agent }) => {
    await agent.createContainer(creation(['echo', 'late']));
    const exec = { containerId: 'c', processId: 'p', processJson: json({ args: ['true'] }) };
    await assert.rejects(agent.exec(exec), failsWith('failed-precondition'));
    const read = agent.readOutput({ containerId: 'c', stream: OutputStream.STDOUT });
    await agent.startContainer({ containerId: 'c' });
    assert.equal(Buffer.from((await read).data).toString(), 'late\n');
    await assert.rejects(
      agent.startContainer({ containerId: 'c' }),
      failsWith('failed-precondition'),
    );
  }));

test('input goes in by offset: repeats are skipped, gaps refused, the end is the end', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['cat']);
    const write = (offset: bigint, text: string, end = false) =>
      agent.writeInput({ containerId: 'c', offset, data: Buffer.from(text), end });
    assert.equal((await write(0n, 'abc')).offset, 3n);
    assert.equal((await write(1n, 'bcde')).offset, 5n);
    await assert.rejects(
      write(6n, 'x'),
      failsWith('invalid-argument', ErrorDetail_Reason.OFFSET_OUT_OF_RANGE),
    );
    assert.deepEqual(await write(5n, 'f', true).then(({ offset, closed }) => [offset, closed]), [
      6n,
      false,
    ]);
    assert.equal((await readAll(agent, OutputStream.STDOUT)).toString(), 'abcdef');
    assert.equal((await write(5n, 'f', true)).offset, 6n, 'the last write repeated');
    await assert.rejects(write(6n, 'g'), failsWith('failed-precondition'));
  }));

test('input to a process that has ended says that it is closed', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['true']);
    await agent.wait({ containerId: 'c' });
    const state = await agent.writeInput({ containerId: 'c', data: Buffer.from('x') });
    assert.deepEqual([state.offset, state.closed], [0n, true]);
  }));

test('a flood is kept within bounds and comes out exact', () =>
  withAgent(async ({ agent }) => {
    const bytes = 5_000_000;
    await run(agent, ['flood', String(bytes)]);
    const output = await readAll(agent, OutputStream.STDOUT);
    assert.equal(output.length, bytes);
    assert.ok(output.every((byte, index) => byte === index % 251));
  }));

test('exec adds processes, which are forgotten when released', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['sleep']);
    const exec = (processId: string, args: readonly string[]) =>
      agent.exec({ containerId: 'c', processId, processJson: json({ args }), stdin: true });
    await exec('p', ['exit', '7']);
    const ref = { containerId: 'c', processId: 'p' };
    assert.equal((await agent.wait(ref)).exitCode, 7);
    await assert.rejects(exec('p', ['true']), failsWith('already-exists'));
    await agent.release(ref);
    await agent.release(ref);
    const gone = failsWith('not-found', ErrorDetail_Reason.NO_SUCH_PROCESS);
    await assert.rejects(agent.wait(ref), gone);
    await exec('p', ['sleep']);
    await assert.rejects(agent.release(ref), failsWith('failed-precondition'));
    await assert.rejects(exec('', ['true']), failsWith('invalid-argument'));
  }));

test('a failed command says why', () =>
  withAgent(async ({ agent, runtime }) => {
    const { COMMAND_NOT_EXECUTABLE, COMMAND_NOT_FOUND } = ErrorDetail_Reason;
    const missing = failsWith('invalid-argument', COMMAND_NOT_FOUND);
    await assert.rejects(agent.createContainer(creation(['no-such'])), missing);
    const refused = failsWith('invalid-argument', COMMAND_NOT_EXECUTABLE);
    await assert.rejects(agent.createContainer(creation(['/not-executable'])), refused);
    assert.equal(runtime.containers.size, 0);
    await run(agent, ['sleep']);
    const processJson = json({ args: ['no-such'] });
    const exec = () => agent.exec({ containerId: 'c', processId: 'p', processJson });
    await assert.rejects(exec(), missing);
    await assert.rejects(exec(), missing, 'the id is free again');
  }));

test('signals: handled, ignored, deadly, to all, to the dead', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['stubborn']);
    const processJson = json({ args: ['trap', '3'] });
    await agent.exec({ containerId: 'c', processId: 'p', processJson });
    await agent.signal({ containerId: 'c', signal: 15, all: true });
    assert.equal((await agent.wait({ containerId: 'c', processId: 'p' })).exitCode, 3);
    await agent.signal({ containerId: 'c', processId: 'p', signal: 15 });
    await agent.signal({ containerId: 'c', signal: 9 });
    assert.equal((await agent.wait({ containerId: 'c' })).signal, 9);
    for (const signal of [0, 65]) {
      await assert.rejects(
        agent.signal({ containerId: 'c', signal }),
        failsWith('invalid-argument'),
      );
    }
  }));

test('a signal to all of an exec reaches what it has left behind, and tells when nothing is left', () =>
  withAgent(async ({ agent, runtime }) => {
    await run(agent, ['stubborn']);
    const exec = (processId: string, ...args: readonly string[]) =>
      agent.exec({ containerId: 'c', processId, processJson: json({ args }) });
    const all = (processId: string, signal: number, waitMs = 0) =>
      agent.signal({ containerId: 'c', processId, signal, all: true, waitMs });
    const running = () => runtime.containers.get('c')?.running;
    await exec('plain', 'parent');
    await exec('stubborn', 'daemon', 'stubborn');
    await agent.wait({ containerId: 'c', processId: 'stubborn' });
    assert.equal(running(), 4);
    // One that has ended is not in the way of what it has left behind, and other execs are not meant.
    const begun = performance.now();
    assert.equal((await all('stubborn', 15, 60)).left, true);
    assert.ok(performance.now() - begun >= 59);
    assert.equal(running(), 4);
    assert.equal((await all('stubborn', 9, 10_000)).left, false);
    assert.equal(running(), 3);
    // Without a wait the answer comes at once; here all are gone by then.
    assert.equal((await all('plain', 15)).left, false);
    assert.equal((await agent.wait({ containerId: 'c', processId: 'plain' })).signal, 15);
    assert.equal((await all('', 15)).left, true);
    assert.equal((await all('', 9, 10_000)).left, false);
    for (const signal of [0, 65]) {
      await assert.rejects(all('plain', signal), failsWith('invalid-argument'));
    }
    await agent.release({ containerId: 'c', processId: 'plain' });
    const gone = failsWith('not-found', ErrorDetail_Reason.NO_SUCH_PROCESS);
    await assert.rejects(all('plain', 9), gone);
  }));

test('who waits for the end of a group stops to wait when the host has gone', async () => {
  const fixture = connect();
  await fixture.agent.handshake({ protocolVersion, hostVersion: 'test' });
  await run(fixture.agent, ['stubborn']);
  const waiting = fixture.agent.signal({
    containerId: 'c',
    signal: 15,
    all: true,
    waitMs: 0xffff_ffff,
  });
  waiting.catch(() => {});
  await fixture.agent.online({ cpus: 1 });
  // The server's end waits for its calls.
  await fixture.close();
  await assert.rejects(waiting);
});

test('an end by the memory limit is said', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['eat-memory']);
    const status = await agent.wait({ containerId: 'c' });
    assert.deepEqual([status.signal, status.oom], [9, true]);
  }));

test('an end by the memory limit is said of that process alone', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['sleep']);
    const endOf = async (processId: string, command: string) => {
      await agent.exec({ containerId: 'c', processId, processJson: json({ args: [command] }) });
      if (command === 'sleep') await agent.signal({ containerId: 'c', processId, signal: 9 });
      const { signal, oom } = await agent.wait({ containerId: 'c', processId });
      return [signal, oom];
    };
    assert.deepEqual(await endOf('a', 'be-killed'), [9, false]);
    assert.deepEqual(await endOf('b', 'eat-memory'), [9, true]);
    assert.deepEqual(await endOf('c', 'be-killed'), [9, false]);
    assert.deepEqual(await endOf('d', 'sleep'), [9, false]);
    assert.deepEqual(await endOf('e', 'eat-memory'), [9, true]);
    await agent.signal({ containerId: 'c', signal: 9, all: true });
    const { signal, oom } = await agent.wait({ containerId: 'c' });
    assert.deepEqual([signal, oom], [9, false]);
  }));

test('a terminal is one stream, resized, and its input ends with ^D', () =>
  withAgent(async ({ agent, runtime }) => {
    await run(agent, ['cat'], { terminal: true });
    await agent.resizeTerminal({ containerId: 'c', size: { columns: 100_000, rows: 40 } });
    assert.deepEqual(runtime.containers.get('c')?.init.sizes, [
      { columns: 80, rows: 25 },
      { columns: 65535, rows: 40 },
    ]);
    const { end } = await agent.readOutput({ containerId: 'c', stream: OutputStream.STDERR });
    assert.equal(end, true);
    const state = await agent.writeInput({ containerId: 'c', data: Buffer.from('a'), end: true });
    assert.equal(state.offset, 1n);
    const { data } = await agent.readOutput({ containerId: 'c', stream: OutputStream.STDOUT });
    assert.ok('a\x04'.startsWith(Buffer.from(data).toString()));
  }));

test('resizing without a terminal is refused', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['sleep']);
    const resize = agent.resizeTerminal({ containerId: 'c', size: { columns: 1, rows: 1 } });
    await assert.rejects(resize, failsWith('failed-precondition'));
  }));

test('a failed creation leaves the id free; a second one of an id is refused meanwhile', async () => {
  let failing = true;
  const onStep = async (step: string) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (step === 'create' && failing) throw new Error('disk full');
  };
  await withAgent(
    async ({ agent }) => {
      const first = assert.rejects(agent.createContainer(creation(['true'])), /disk full/);
      await assert.rejects(agent.createContainer(creation(['true'])), failsWith('already-exists'));
      await first;
      failing = false;
      await agent.createContainer(creation(['true']));
    },
    { onStep },
  );
});

test('a container that is being created can be destroyed, and is gone then', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await withAgent(
    async ({ agent, runtime }) => {
      const created = agent.createContainer(creation(['sleep']));
      const destroyed = agent.destroyContainer({ containerId: 'c' });
      release();
      await Promise.all([created, destroyed]);
      assert.equal(runtime.containers.size, 0);
    },
    { onStep: (step) => (step === 'create' ? held : undefined) },
  );
});

/** An agent whose exec is held up until `release`. */
async function withSlowExec(
  work: (agent: Client, release: () => void) => Promise<void>,
): Promise<void> {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const onStep = (step: string) => (step === 'exec' ? held : undefined);
  await withAgent(
    async ({ agent }) => {
      await run(agent, ['sleep']);
      await work(agent, release);
    },
    { onStep },
  );
}

const slowExec = { containerId: 'c', processId: 'x', processJson: json({ args: ['sleep'] }) };

test('an exec that is made only after its call was given up does not stay', () =>
  withSlowExec(async (agent, release) => {
    const late = agent.exec(slowExec, { timeoutMs: 20 });
    await assert.rejects(late, failsWith('deadline-exceeded'));
    // The guest's own deadline, which began later.
    await sleep(50);
    release();
    await sleep(20);
    assert.equal((await agent.listProcesses({ containerId: 'c' })).total, 1);
    assert.ok((await agent.exec(slowExec)).pid > 0);
  }));

test('a signal to all of an exec waits for one that is being made', () =>
  withSlowExec(async (agent, release) => {
    const made = agent.exec(slowExec);
    const killed = agent.signal({ ...slowExec, signal: 9, all: true, waitMs: 1000 });
    release();
    await made;
    assert.equal((await killed).left, false);
    assert.equal((await agent.wait(slowExec)).signal, 9);
  }));

test('destroying answers those who wait', () =>
  withAgent(async ({ agent }) => {
    await run(agent, ['stubborn']);
    const waiting = agent.wait({ containerId: 'c' });
    const reading = agent.readOutput({ containerId: 'c', stream: OutputStream.STDOUT });
    await agent.destroyContainer({ containerId: 'c' });
    assert.equal((await waiting).signal, 9);
    assert.equal((await reading).end, true);
  }));

test('bad ids, JSON and roots are refused before anything is made', async () => {
  await withAgent(
    async ({ agent }) => {
      const good = creation(['true']);
      for (const containerId of ['', '../x', 'a/b', '-rf', '.', 'x'.repeat(129), 'a\n', 'é']) {
        const made = agent.createContainer({ ...good, containerId });
        await assert.rejects(made, failsWith('invalid-argument'), containerId);
      }
      for (const text of ['', '[]', '"x"', '{', 'null']) {
        const made = agent.createContainer({ ...good, specJson: Buffer.from(text) });
        await assert.rejects(made, failsWith('invalid-argument'), text);
      }
      const rootless = agent.createContainer({ containerId: 'c', specJson: good.specJson });
      await assert.rejects(rootless, failsWith('unimplemented'));
    },
    {
      onStep: () => {
        throw new Error('reached the runtime');
      },
    },
  );
});

test('calls are recorded from the first question on, apart from those that wait', () =>
  withAgent(async ({ agent }) => {
    await agent.createContainer(creation(['sleep'], { id: 'before' }));
    const first = await agent.trace({});
    assert.deepEqual(first.spans, []);
    assert.ok(first.askedUs <= first.answeredUs && first.askedUs > 0n);

    await run(agent, ['echo', 'text']);
    await readAll(agent, OutputStream.STDOUT);
    await agent.wait({ containerId: 'c' });
    await assert.rejects(agent.startContainer({ containerId: 'none' }));
    const { spans, askedUs, dropped } = await agent.trace({});
    assert.deepEqual(
      spans.map(({ name, parent, failed }) => [name, parent, failed]),
      [
        ['createContainer', 0, false],
        ['startContainer', 0, false],
        ['startContainer', 0, true],
      ],
    );
    let last = first.answeredUs;
    for (const { beginUs, endUs } of spans) {
      assert.ok(last <= beginUs && beginUs <= endUs && endUs <= askedUs);
      last = endUs;
    }
    assert.equal(dropped, 0);
  }));

test('what is recorded is bounded', () =>
  withAgent(async ({ agent }) => {
    await agent.trace({});
    for (let call = 0; call < 520; call += 1) await agent.online({ cpus: 1, memoryBytes: 1n });
    const { spans, dropped } = await agent.trace({});
    assert.equal(spans.length, 500);
    assert.equal(dropped, 20);
  }));

test('the phases of the boot are handed out, and only to a host whose version is agreed on', async () => {
  const [near, far] = duplexPair();
  const bootMarks = () => [{ name: 'kernel', atMs: 1.5 }];
  const [system, runtime] = [new FakeSystem(), new FakeCrun()];
  const service = createAgentService({ system, runtime, version: '1', bootMarks });
  const server = serve(far, [service]);
  const connection = connectClient(near);
  const agent = createClient(Agent, connection);
  await assert.rejects(agent.trace({}), { code: 'failed-precondition' });
  await agent.handshake({ protocolVersion, hostVersion: 'test' });
  const { bootMarks: marks } = await agent.trace({});
  assert.deepEqual(
    marks.map(({ name, uptimeUs }) => [name, uptimeUs]),
    [['kernel', 1500n]],
  );
  connection.close();
  server.close();
  await server.closed;
});
