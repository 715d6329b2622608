// Tests of the agent over ttrpc: against a small agent that behaves, and against ones that lie, hang or break off.
import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { sleep } from '../../base/deadline.js';
import type { VirtcontainersError } from '../../base/errors.js';
import { guestClockErrorMs, streamChunkBytes } from '../../model/limits.js';
import { agentCalls } from '../../testing/agent-calls.js';
import { FakePort } from '../../testing/fake-port.js';
import { listenForHosts } from '../../wire/attach/index.js';
import {
  Agent as AgentService,
  ErrorDetail_Reason,
  ErrorDetailSchema,
  OutputStream,
} from '../../wire/gen/agent_pb.js';
import { type Handlers, implement, type RpcCode, RpcError, serve } from '../../wire/ttrpc/index.js';
import { TtrpcAgentConnector } from './ttrpc-agent-connector.js';

type AgentHandlers = Handlers<(typeof AgentService)['method']>;

const greeting = {
  protocolVersion: 1,
  agentVersion: '0.1.0',
  kernelRelease: '6.1.0',
  uptimeMs: 1234n,
};
const init = { containerId: 'web', processId: '' };
const exec = { containerId: 'web', processId: 'sh' };
// The handshake has been answered when there is an agent.
const { handshake: _, ...methods } = agentCalls;
const connector = new TtrpcAgentConnector({ version: '0.1.0' });

/** A guest with the given methods, its port, and the connections that hosts made to it. */
function startGuest(handlers: Partial<AgentHandlers>) {
  const port = new FakePort();
  const connections: Duplex[] = [];
  const all = { handshake: async () => greeting, ...handlers } as AgentHandlers;
  listenForHosts(port.guest, (connection) => {
    connections.push(connection);
    serve(connection, [implement(AgentService, all)]);
  });
  return { port, connections };
}

async function attach(handlers: Partial<AgentHandlers>) {
  const { port, connections } = startGuest(handlers);
  const agent = await connector.attach(async () => port.connect(), { podId: 'p', timeoutMs: 5000 });
  return { agent, port, connections };
}

test('every method reaches the guest with all that was given', async () => {
  const requests = new Map<string, Record<string, unknown>>();
  const answers: Readonly<Record<string, object>> = {
    createContainer: { pid: 7 },
    exec: { pid: 8 },
    wait: { exitCode: 3 },
    readOutput: { data: Buffer.from('text'), end: true },
    writeInput: { offset: 10n, closed: true },
  };
  const handlers = Object.fromEntries(
    Object.keys(methods).map((name) => [
      name,
      async (request: object) => {
        requests.set(name, { ...request });
        return answers[name] ?? {};
      },
    ]),
  ) as Partial<AgentHandlers>;
  const { agent } = await attach(handlers);
  const results: Record<string, unknown> = {};
  const before = BigInt(Date.now()) * 1_000_000n;
  for (const [name, call] of Object.entries(methods)) results[name] = await call(agent, {});

  assert.deepEqual(agent.info, { agentVersion: '0.1.0', kernelRelease: '6.1.0', uptimeMs: 1234 });
  assert.deepEqual(results['createContainer'], { pid: 7 });
  assert.deepEqual(results['exec'], { pid: 8 });
  assert.deepEqual(results['wait'], { code: 3, signal: null, reason: 'exited' });
  assert.deepEqual(results['readOutput'], { data: Buffer.from('text'), end: true });
  assert.deepEqual(results['writeInput'], { offset: 10n, closed: true });

  const personalize = requests.get('personalize') as {
    entropy: Uint8Array;
    timeNs: bigint;
    machineId: string;
  };
  assert.equal(personalize.entropy.length, 64);
  const clockErrorNs = personalize.timeNs - before;
  assert.ok(clockErrorNs >= 0n && clockErrorNs < 5_000_000_000n);
  assert.equal(personalize.machineId, 'a'.repeat(32));
  assert.equal(requests.get('online')?.['memoryBytes'], 1024n ** 3n);
  const { specJson, root, sharedMounts, stdin, terminalSize } = requests.get('createContainer') as {
    specJson: Uint8Array;
    root: { kind: { case: string; value: { source: { path: string }; discardWrites: boolean } } };
    sharedMounts: { path: string; share: { tag: string; cached: boolean } }[];
    stdin: boolean;
    terminalSize: { columns: number };
  };
  assert.equal(Buffer.from(specJson).toString(), '{"ociVersion":"1.0.2"}');
  assert.deepEqual(
    [root.kind.case, root.kind.value.source.path, root.kind.value.discardWrites],
    ['directory', 'r0', true],
  );
  assert.deepEqual(
    sharedMounts.map(({ path, share }) => [path, share.tag, share.cached]),
    [['m0', 'virtc-rw', false]],
  );
  assert.deepEqual([stdin, terminalSize.columns], [true, 80]);
  assert.equal(requests.get('exec')?.['terminalSize'], undefined);
  assert.equal(requests.get('signal')?.['processId'], '');
  const { signal, all } = requests.get('signal') ?? {};
  assert.deepEqual([signal, all], [15, false]);
  assert.equal(requests.get('readOutput')?.['stream'], OutputStream.STDERR);
  const { offset, acknowledged, maxBytes } = requests.get('readOutput') ?? {};
  assert.deepEqual([offset, acknowledged, maxBytes], [7n, 5n, 100]);
  assert.equal(requests.get('writeInput')?.['end'], true);
  for (const name of ['pauseContainer', 'resumeContainer', 'listProcesses']) {
    assert.equal(requests.get(name)?.['containerId'], 'web');
  }
  assert.deepEqual(requests.get('stats')?.['containerIds'], ['web', 'db']);
  assert.equal(requests.get('stats')?.['machine'], true);
  agent.close();
  assert.equal(await agent.closed, undefined);
});

test('a signal to all is told by the process that it came from, and waits in the guest', async () => {
  const requests: Record<string, unknown>[] = [];
  const { agent } = await attach({
    signal: async (request) => {
      requests.push({ ...request });
      return { left: request.signal !== 9 };
    },
  });
  assert.deepEqual(await agent.signalAll(exec, { number: 15, waitMs: 70 }), { left: true });
  assert.deepEqual(await agent.signalAll(init, { number: 9, waitMs: 0 }), { left: false });
  await agent.signal(exec, 2);
  assert.deepEqual(
    requests.map(({ processId, signal, all, waitMs }) => [processId, signal, all, waitMs]),
    [
      ['sh', 15, true, 70],
      ['', 9, true, 0],
      ['sh', 2, false, 0],
    ],
  );
  agent.close();
});

test('two guests get different entropy', async () => {
  const seen: string[] = [];
  const { agent } = await attach({
    personalize: async ({ entropy }) => {
      seen.push(Buffer.from(entropy).toString('hex'));
      return {};
    },
  });
  for (let index = 0; index < 2; index++) {
    await agent.personalize({ hostname: 'h', machineId: 'a'.repeat(32) });
  }
  assert.notEqual(seen[0], seen[1]);
  agent.close();
});

test("a guest's clock is set again where that took so long that it is late, and not for ever", async () => {
  let answers = 0;
  let errorMs = 0;
  let slowMs: readonly number[] = [];
  const { agent } = await attach({
    personalize: async ({ timeNs }) => {
      const afterMs = slowMs[answers++] ?? 0;
      await sleep(afterMs);
      errorMs = Number(timeNs / 1_000_000n) - Date.now();
      return {};
    },
  });
  const identity = { hostname: 'h', machineId: 'a'.repeat(32) };
  for (const delays of [
    [2 * guestClockErrorMs],
    [2 * guestClockErrorMs, 70, 70],
    Array.from({ length: 100 }, () => 1.5 * guestClockErrorMs),
  ]) {
    [answers, slowMs] = [0, delays];
    await agent.personalize(identity);
    assert.ok(answers >= 2 && answers <= 8, `${answers} answers`);
    assert.ok(Math.abs(errorMs) <= 1.5 * guestClockErrorMs, `${errorMs} ms after ${answers}`);
  }
  agent.close();
});

const exits: readonly [
  { exitCode?: number; signal?: number; oom?: boolean },
  number,
  string | null,
  string,
][] = [
  [{ exitCode: 0 }, 0, null, 'exited'],
  [{ exitCode: 255 }, 255, null, 'exited'],
  [{ exitCode: 2 ** 31 }, 255, null, 'exited'],
  [{ exitCode: 2 ** 32 - 1 }, 255, null, 'exited'],
  [{ signal: 15 }, 143, 'SIGTERM', 'signaled'],
  [{ signal: 9, oom: true }, 137, 'SIGKILL', 'oom'],
  [{ exitCode: 1, oom: true }, 1, null, 'exited'],
  [{ exitCode: 137, oom: true }, 137, null, 'oom'],
  [{ exitCode: 137 }, 137, null, 'exited'],
  [{ signal: 64 }, 192, null, 'signaled'],
  [{ signal: 65 }, 255, null, 'exited'],
  [{ signal: 2 ** 32 - 1, exitCode: 0 }, 255, null, 'exited'],
];
for (const [answer, code, signal, reason] of exits) {
  test(`the exit ${JSON.stringify(answer)} is ${code} ${signal} ${reason}`, async () => {
    const { agent } = await attach({ wait: async () => answer });
    assert.deepEqual(await agent.wait(init), { code, signal, reason });
    agent.close();
  });
}

function failure(code: RpcCode, message: string, reason?: ErrorDetail_Reason): RpcError {
  if (reason === undefined) return new RpcError(code, message);
  const value = toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { reason }));
  const details = [{ typeUrl: `type.googleapis.com/${ErrorDetailSchema.typeName}`, value }];
  return new RpcError(code, message, { details });
}

const failures: readonly [RpcError, string, string | undefined][] = [
  [
    failure('not-found', 'x', ErrorDetail_Reason.COMMAND_NOT_FOUND),
    'not-found',
    'command-not-found',
  ],
  [
    failure('invalid-argument', 'x', ErrorDetail_Reason.COMMAND_NOT_EXECUTABLE),
    'invalid-argument',
    'command-not-executable',
  ],
  [failure('not-found', 'x', ErrorDetail_Reason.NO_SUCH_PROCESS), 'not-found', 'no-such-process'],
  [failure('not-found', 'x', ErrorDetail_Reason.NO_SUCH_USER), 'not-found', 'no-such-user'],
  [
    failure('out-of-range', 'x', ErrorDetail_Reason.OFFSET_OUT_OF_RANGE),
    'invalid-argument',
    'offset-out-of-range',
  ],
  [
    failure('invalid-argument', 'x', ErrorDetail_Reason.BAD_WORKING_DIRECTORY),
    'invalid-argument',
    'bad-working-directory',
  ],
  [failure('failed-precondition', 'x', 99 as ErrorDetail_Reason), 'invalid-state', undefined],
  [failure('cancelled', 'x'), 'unavailable', undefined],
  [failure('unimplemented', 'x'), 'unsupported', undefined],
  [failure('data-loss', 'x'), 'internal', undefined],
  [
    new RpcError('not-found', 'x', {
      details: [
        { typeUrl: ErrorDetailSchema.typeName, value: new Uint8Array([8, 255]) },
        { typeUrl: 'other', value: new Uint8Array(3) },
      ],
    }),
    'not-found',
    undefined,
  ],
];
for (const [thrown, code, reason] of failures) {
  test(`the guest’s ${thrown.code} with reason ${reason} is ${code}`, async () => {
    const { agent } = await attach({
      exec: async () => {
        throw thrown;
      },
    });
    await assert.rejects(methods.exec(agent, {}), (error: VirtcontainersError) => {
      assert.deepEqual([error.code, error.details['reason']], [code, reason]);
      assert.equal(error.message, 'cannot exec process sh of container web: x');
      return true;
    });
    agent.close();
  });
}

test('the guest’s own words are bounded, escaped and not doubled', async () => {
  const texts = ['cannot start web: no such file', `\u001b]0;evil\u0007${'A'.repeat(100_000)}`, ''];
  const { agent } = await attach({
    startContainer: async () => {
      throw new RpcError('internal', texts.shift() ?? '');
    },
  });
  await assert.rejects(agent.startContainer('web'), {
    message: 'cannot start container web: no such file',
  });
  await assert.rejects(agent.startContainer('web'), (error: VirtcontainersError) => {
    assert.ok(error.message.length < 1100);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    assert.equal(error.cause, undefined);
    return error.message.startsWith('cannot start container web: \\x1b]0;evil\\x07AAA');
  });
  await assert.rejects(agent.startContainer('web'), { message: /the guest gives no reason$/ });
  agent.close();
});

test('strings of the handshake are bounded and escaped', async () => {
  const { agent } = await attach({
    handshake: async () => ({
      protocolVersion: 1,
      agentVersion: 'v'.repeat(1000),
      kernelRelease: '\u001b[2J',
      uptimeMs: 2n ** 64n - 1n,
    }),
  });
  assert.equal(agent.info.agentVersion.length, 128);
  assert.equal(agent.info.kernelRelease, '\\x1b[2J');
  assert.equal(agent.info.uptimeMs, Number.MAX_SAFE_INTEGER);
  agent.close();
});

test('more output than asked for, or neither output nor an end, is refused', async () => {
  const answers = [
    { data: new Uint8Array(101) },
    { data: new Uint8Array(300_000) },
    { data: new Uint8Array(0) },
    { data: new Uint8Array(100) },
  ];
  const { agent } = await attach({ readOutput: async () => answers.shift() ?? {} });
  const range = { stream: 'stdout', offset: 0n, acknowledged: 0n, maxBytes: 100 } as const;
  for (const message of [
    /101 bytes where at most 100/,
    /has 300\d\d\d bytes/,
    /neither bytes nor/,
  ]) {
    await assert.rejects(agent.readOutput(init, range), { code: 'internal', message });
  }
  assert.equal((await agent.readOutput(init, range)).data.length, 100);
  agent.close();
});

test('an endless stream is read chunk by chunk, and other calls are answered meanwhile', async () => {
  const { agent } = await attach({
    readOutput: async ({ maxBytes }) => ({ data: new Uint8Array(maxBytes) }),
    signal: async () => ({}),
  });
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 200; index++) {
    const offset = BigInt(index);
    const range = { stream: 'stdout', offset, acknowledged: offset, maxBytes: 1e7 } as const;
    assert.equal((await agent.readOutput(init, range)).data.length, streamChunkBytes);
    if (index % 50 === 0) await agent.signal(init, 9);
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  agent.close();
});

test('progress of the input is seen from the chunk that was sent, and never goes back', async () => {
  const offsets = [7n, 100n, 2n ** 63n, 4n];
  const { agent } = await attach({ writeInput: async () => ({ offset: offsets.shift() ?? 0n }) });
  const input = { offset: 5n, data: Buffer.from('hello'), end: false };
  assert.equal((await agent.writeInput(init, input)).offset, 7n);
  assert.equal((await agent.writeInput(init, input)).offset, 10n);
  assert.equal((await agent.writeInput(init, input)).offset, 10n);
  await assert.rejects(agent.writeInput(init, input), { code: 'internal', message: /went back/ });
  agent.close();
});

const forever = (): Promise<never> => new Promise(() => {});
const silent = Object.fromEntries(
  Object.keys(methods).map((name) => [name, forever]),
) as Partial<AgentHandlers>;

for (const [name, call] of Object.entries(methods)) {
  test(`${name} ends at its deadline, at an abort and with the connection`, async () => {
    const { agent, connections } = await attach(silent);
    await assert.rejects(call(agent, { timeoutMs: 10 }), {
      code: 'timeout',
      message: /^cannot .*: no(t done| answer) within 10 ms$/,
    });
    const controller = new AbortController();
    const aborted = call(agent, { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(aborted, { name: 'AbortError', code: 'cancelled', cause: reason });
    const pending = call(agent, {});
    pending.catch(() => {});
    // The guest drops the connection in the middle of an answer.
    connections[0]?.write(Buffer.from([0, 0, 1, 0, 0]));
    await new Promise((resolve) => setImmediate(resolve));
    agent.close();
    await assert.rejects(pending, { code: 'unavailable', message: /^cannot / });
    await assert.rejects(call(agent, {}), { code: 'unavailable' });
  });
}

test('an agent of another version is refused, saying which and what to do', async () => {
  const cases: readonly [Partial<AgentHandlers>, RegExp][] = [
    [
      { handshake: async () => ({ ...greeting, protocolVersion: 2, agentVersion: '0.9.0' }) },
      /^cannot attach to the agent of pod p: it \(0\.9\.0\) speaks version 2 of the protocol, this program \(0\.1\.0\) speaks version 1$/,
    ],
    [
      {
        handshake: async () => {
          throw failure('failed-precondition', 'I speak 3', ErrorDetail_Reason.PROTOCOL_VERSION);
        },
      },
      /it says: I speak 3, this program \(0\.1\.0\) speaks version 1$/,
    ],
  ];
  for (const [handlers, message] of cases) {
    await assert.rejects(attach(handlers), (error: VirtcontainersError) => {
      assert.equal(error.code, 'unsupported');
      assert.match(error.message, message);
      assert.match(error.hint ?? '', /virtc setup/);
      return true;
    });
  }
});

test('the channel is dialled again while the guest boots, and given up in time', async () => {
  const { port } = startGuest({});
  let dials = 0;
  const quick = new TtrpcAgentConnector({ version: '0.1.0', attemptTimeoutMs: 20 });
  const agent = await quick.attach(
    async () => {
      dials++;
      const end = port.connect(dials === 2 ? { takes: 3 } : {});
      if (dials === 1) end.destroy();
      return end;
    },
    { podId: 'p', timeoutMs: 5000 },
  );
  assert.equal(dials, 3);
  agent.close();

  const dead = new FakePort();
  dead.guest.resume();
  await assert.rejects(
    quick.attach(async () => dead.connect(), { podId: 'p', timeoutMs: 100 }),
    { code: 'timeout', message: 'cannot attach to the agent of pod p: no answer within 100 ms' },
  );
});

test('a guest that attaches but never shakes hands is given up in time', async () => {
  const { port } = startGuest({ handshake: forever });
  const quick = new TtrpcAgentConnector({ version: '0.1.0', attemptTimeoutMs: 20 });
  await assert.rejects(
    quick.attach(async () => port.connect(), { podId: 'p', timeoutMs: 150 }),
    { code: 'timeout', message: /no handshake within 150 ms/ },
  );
});

test('what dialling throws comes out as it is, and an abort ends the attempt', async () => {
  const gone = new Error('the VM has ended');
  const options = { podId: 'p', timeoutMs: 5000 };
  await assert.rejects(
    connector.attach(() => Promise.reject(gone), options),
    (error) => error === gone,
  );
  const controller = new AbortController();
  const port = new FakePort();
  port.guest.resume();
  let end: Duplex | undefined;
  const attempt = connector.attach(
    async () => {
      end = port.connect();
      return end;
    },
    { ...options, signal: controller.signal },
  );
  setImmediate(() => controller.abort());
  await assert.rejects(attempt, { name: 'AbortError' });
  assert.equal(end?.destroyed, true);
  await assert.rejects(connector.attach(forever, { ...options, signal: controller.signal }), {
    name: 'AbortError',
  });
  await assert.rejects(connector.attach(forever, { podId: 'p', timeoutMs: 10 }), {
    code: 'timeout',
  });
});
