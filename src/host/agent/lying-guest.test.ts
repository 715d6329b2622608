// Lets the guest lie about every call of the agent's service in every way: the call ends in time, with a named error or an answer that can be true.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DescMethodUnary } from '@bufbuild/protobuf';
import { errorCodes, isVirtcontainersError } from '../../base/errors.js';
import { agentCallTimeoutMs, streamChunkBytes } from '../../model/limits.js';
import { agentCalls } from '../../testing/agent-calls.js';
import { FakePort } from '../../testing/fake-port.js';
import { type Lie, liesOf, serveLying } from '../../testing/lying-guest.js';
import { listenForHosts } from '../../wire/attach/index.js';
import { Agent as AgentService } from '../../wire/gen/agent_pb.js';
import { duplexPair, type Handlers, implement } from '../../wire/ttrpc/index.js';
import { unaryMethods } from '../../wire/ttrpc/service.js';
import type { Agent } from './agent.js';
import { TtrpcAgentConnector } from './ttrpc-agent-connector.js';

type Rpc = keyof typeof agentCalls;

const deadlineMs = 40;
/** By how much an answer is too late: of two timers that are due on a busy machine the later one may be the first. */
const latenessMs = 100;
const lies = liesOf(deadlineMs + latenessMs);
const rpcs = unaryMethods(AgentService);
/** Longest wait for an answer that is to come: a busy machine is no lie. */
const patientMs = 20_000;
const patient = new TtrpcAgentConnector({ version: '0.1.0' });
const quick = new TtrpcAgentConnector({ version: '0.1.0', attemptTimeoutMs: 30 });
const truths: Readonly<Record<string, object>> = {
  handshake: { protocolVersion: 1, agentVersion: '0.1.0' },
  readOutput: { data: Buffer.from('text'), end: true },
  writeInput: { offset: 10n },
};
/** A service that answers every call with the truth. */
const service = implement(
  AgentService,
  new Proxy({} as Handlers<(typeof AgentService)['method']>, {
    get: (_, name) => async () => truths[String(name)] ?? {},
  }),
);

interface Attach {
  /** How many calls of the method are answered honestly. */
  readonly spared: number;
  /** Whether the first answer may be a lie. Default false. */
  readonly isQuick?: boolean;
}

function attach(
  method: DescMethodUnary,
  lie: Lie,
  { spared, isQuick = false }: Attach,
): Promise<Agent> {
  const dial = async () => {
    const [host, guest] = duplexPair();
    for (const end of [host, guest]) end.on('error', () => {});
    const cut = (): void => void guest.destroy();
    listenForHosts(guest, (connection) =>
      serveLying(connection, service, { method, lie, spared, cut }),
    );
    return host;
  };
  return isQuick
    ? quick.attach(dial, { podId: 'p', timeoutMs: 150 })
    : patient.attach(dial, { podId: 'p', timeoutMs: patientMs });
}

/** What a guest has said must be bounded and harmless wherever it comes out. */
function assertHarmless(value: unknown): void {
  if (typeof value === 'number') assert.ok(Number.isSafeInteger(value) && value >= 0, `${value}`);
  else if (typeof value === 'bigint') assert.ok(value >= 0n && value < 2n ** 63n, `${value}`);
  else if (typeof value === 'string') {
    assert.doesNotMatch(value, /\p{Cc}/u);
    assert.ok(value.length <= 4_096, `${value.length} characters`);
  } else if (value instanceof Uint8Array) assert.ok(value.length <= streamChunkBytes);
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) assertHarmless(inner);
  }
}

function assertNamedError(error: unknown, code: string | undefined): void {
  assert.ok(isVirtcontainersError(error), String(error));
  assert.ok(code === undefined ? errorCodes.includes(error.code) : error.code === code, `${error}`);
  assert.match(error.message, /^cannot \w+ .+: ./);
  assert.ok(error.message.length < 1_300, `${error.message.length} characters`);
  assert.doesNotMatch(error.message, /\p{Cc}/u);
}

async function checkCall(name: Rpc, lie: Lie, agent: Agent): Promise<void> {
  const timeoutMs = lie.outcome === 'timeout' ? deadlineMs : patientMs;
  const [result] = await Promise.allSettled([agentCalls[name](agent, { timeoutMs })]);
  if (result.status === 'fulfilled') {
    assert.ok(lie.outcome === 'true' || lie.outcome === 'settles', 'it is taken for an answer');
    assertHarmless(result.value);
    return;
  }
  assert.notEqual(lie.outcome, 'true', String(result.reason));
  assertNamedError(result.reason, lie.outcome === 'settles' ? undefined : lie.outcome);
}

/** Another call after the lie; where the answer comes late, it has come by then. */
async function checkNextCall(name: Rpc, lie: Lie, agent: Agent): Promise<void> {
  if (lie.name === 'the truth too late') await pause(latenessMs + 20);
  const other = name === 'signal' ? 'release' : 'signal';
  const next = agentCalls[other](agent, { timeoutMs: patientMs });
  if (lie.outcome === 'unavailable') return assert.rejects(next, { code: 'unavailable' });
  // What follows a frame of 4 GiB is skipped as a part of it: nothing more is understood, and the deadlines say so.
  if (lie.name === 'a frame of 4 GiB') return void next.catch(() => {});
  assert.equal(await next, undefined);
}

for (const method of rpcs) {
  // A call that never ends is told by the time that a test may take.
  test(`whatever the guest says to ${method.name}, the call ends in time with an error that has a name`, async () => {
    const name = method.localName as Rpc;
    await Promise.all(
      lies.map(async (lie) => {
        try {
          // An agent is one that has shaken hands: after that, a handshake is a ping.
          const agent = await attach(method, lie, { spared: name === 'handshake' ? 1 : 0 });
          await checkCall(name, lie, agent);
          await checkNextCall(name, lie, agent);
          agent.close();
        } catch (error) {
          throw new Error(`${method.name} answered by ${lie.name}`, { cause: error });
        }
      }),
    );
  });
}

for (const lie of lies) {
  test(`a guest that answers the first handshake with ${lie.name} is attached to or given up in time`, async () => {
    const { handshake } = AgentService.method;
    const attaching = attach(handshake, lie, { spared: 0, isQuick: lie.outcome !== 'true' });
    const [result] = await Promise.allSettled([attaching]);
    if (result.status === 'fulfilled') {
      assertHarmless(result.value.info);
      result.value.close();
    } else {
      assert.notEqual(lie.outcome, 'true', String(result.reason));
      assertNamedError(result.reason, undefined);
    }
  });
}

test('every call has a deadline of its own, but those that wait for a process', async (context) => {
  const nothing = lies.find(({ name }) => name === 'nothing') ?? assert.fail();
  const withoutDeadline: readonly string[] = ['wait', 'readOutput', 'writeInput'];
  for (const method of rpcs) {
    const name = method.localName as Rpc;
    const agent = await attach(method, nothing, { spared: name === 'handshake' ? 1 : 0 });
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const outcome = agentCalls[name](agent, {}).then(
      () => 'an answer',
      (error: unknown) => (isVirtcontainersError(error) ? error.code : String(error)),
    );
    context.mock.timers.tick(agentCallTimeoutMs + 1);
    const now = await Promise.race([outcome, new Promise((r) => setImmediate(r, 'it waits'))]);
    context.mock.timers.reset();
    assert.equal(now, withoutDeadline.includes(name) ? 'it waits' : 'timeout', name);
    agent.close();
    assert.equal(await outcome, now === 'it waits' ? 'unavailable' : now, `${name} at the end`);
  }
});

test('lies leave nothing in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = async (): Promise<number> => {
    for (let turn = 0; turn < 2; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const method = AgentService.method.signal;
  const short = lies.filter(({ outcome }) => outcome !== 'timeout' && outcome !== 'unavailable');
  for (const lie of short.filter(({ name }) => name !== 'a frame of 4 GiB')) {
    const agent = await attach(method, lie, { spared: 0 });
    const tell = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time++) {
        await agentCalls.signal(agent, { timeoutMs: patientMs }).catch(() => {});
      }
    };
    await tell(20);
    const before = await used();
    await tell(150);
    const grown = (await used()) - before;
    assert.ok(grown < 1024 * 1024, `${lie.name}: ${grown} bytes more`);
    agent.close();
  }
});

test('a port that is given up holds no listener', async () => {
  const port = new FakePort();
  port.guest.resume();
  const host = port.connect();
  await assert.rejects(
    quick.attach(async () => host, { podId: 'p', timeoutMs: 40 }),
    { code: 'timeout' },
  );
  assert.equal(host.destroyed, true);
});

after(() => setFlagsFromString('--no-expose-gc'));
