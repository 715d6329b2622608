// Tests of the agent's calls about what runs and what it uses, over a fake container runtime.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCrun, type FakeCrunOptions } from '../testing/fake-crun.js';
import { FakeSystem } from '../testing/fake-system.js';
import { Agent } from '../wire/gen/agent_pb.js';
import { connectClient, createClient, duplexPair, serve } from '../wire/ttrpc/index.js';
import { createAgentService, protocolVersion } from './agent-service.js';

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const c = { containerId: 'c' };

async function withAgent(
  work: (
    agent: ReturnType<typeof createClient<(typeof Agent)['method']>>,
    runtime: FakeCrun,
  ) => Promise<void>,
  options: FakeCrunOptions = {},
): Promise<void> {
  const runtime = new FakeCrun(options);
  const [near, far] = duplexPair();
  const service = createAgentService({ system: new FakeSystem(), runtime, version: '1' });
  const server = serve(far, [service]);
  const connection = connectClient(near);
  const agent = createClient(Agent, connection);
  try {
    await agent.handshake({ protocolVersion, hostVersion: 'test' });
    const source = { share: { tag: 'virtc-ro', cached: true }, path: 'root' };
    const root = { kind: { case: 'directory' as const, value: { source } } };
    const specJson = json({ process: { args: ['trap', '7'] } });
    await agent.createContainer({ ...c, specJson, root });
    await work(agent, runtime);
  } finally {
    connection.close();
    server.close();
    await server.closed;
  }
}

const exec = (processId: string, args: readonly string[]) => ({
  ...c,
  processId,
  processJson: json({ args }),
});
const refused = (why: RegExp) => ({ code: 'failed-precondition', message: why });

test('only what runs is paused; then nothing can be added, and a resume undoes that', () =>
  withAgent(async (agent, runtime) => {
    await assert.rejects(agent.pauseContainer(c), refused(/does not run/));
    await agent.startContainer(c);
    await agent.pauseContainer(c);
    await agent.pauseContainer(c);
    assert.equal(runtime.containers.get('c')?.isPaused, true);
    await assert.rejects(agent.exec(exec('x', ['true'])), refused(/it is paused/));
    await agent.resumeContainer(c);
    await agent.resumeContainer(c);
    assert.equal(runtime.containers.get('c')?.isPaused, false);
    await agent.exec(exec('x', ['true']));
    await agent.signal({ ...c, signal: 9 });
    await agent.wait(c);
    await assert.rejects(agent.pauseContainer(c), refused(/does not run/));
    await assert.rejects(agent.pauseContainer({ containerId: 'none' }), { code: 'not-found' });
    await assert.rejects(agent.resumeContainer({ containerId: 'none' }), { code: 'not-found' });
  }));

test('a pause waits for a process that is being made, and a resume meanwhile ends it', async () => {
  let made = (): void => {};
  let making = new Promise<void>((resolve) => {
    made = resolve;
  });
  const onStep = (step: string): Promise<void> | undefined =>
    step === 'exec' ? making : undefined;
  await withAgent(
    async (agent, runtime) => {
      await agent.startContainer(c);
      const first = agent.exec(exec('a', ['sleep']));
      let paused = false;
      const pausing = agent.pauseContainer(c).then(() => (paused = true));
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(paused, false);
      assert.equal(runtime.containers.get('c')?.isPaused, false);
      made();
      await first;
      await pausing;
      assert.equal(runtime.containers.get('c')?.isPaused, true);
      await agent.resumeContainer(c);

      making = new Promise((resolve) => {
        made = resolve;
      });
      const second = agent.exec(exec('b', ['sleep']));
      const given = agent.pauseContainer(c);
      await agent.resumeContainer(c);
      made();
      await second;
      await assert.rejects(given, refused(/resumed meanwhile/));
      assert.equal(runtime.containers.get('c')?.isPaused, false);
    },
    { onStep },
  );
});

test('a pause that fails lets processes be added again', () =>
  withAgent(
    async (agent) => {
      await agent.startContainer(c);
      await assert.rejects(agent.pauseContainer(c), { code: 'internal', message: /stuck/ });
      await agent.exec(exec('x', ['true']));
    },
    {
      onStep: (step) => {
        if (step === 'pause') throw new Error('stuck');
      },
    },
  ));

test('init and what was added are named in the list; what has ended is not there', () =>
  withAgent(async (agent) => {
    await agent.startContainer(c);
    await agent.exec(exec('nap', ['sleep']));
    const { processes, total } = await agent.listProcesses(c);
    assert.deepEqual(
      processes.map(({ init, processId, args }) => [init, processId, args]),
      [
        [true, '', ['trap', '7']],
        [false, 'nap', ['sleep']],
      ],
    );
    assert.equal(total, 2);
    await agent.signal({ ...c, processId: 'nap', signal: 9 });
    await agent.wait({ ...c, processId: 'nap' });
    assert.equal((await agent.listProcesses(c)).processes.length, 1);
    await assert.rejects(agent.listProcesses({ containerId: 'none' }), { code: 'not-found' });
  }));

test('statistics are of the containers that exist, and of the machine where it is asked for', () =>
  withAgent(async (agent) => {
    await agent.startContainer(c);
    const { containers, machine } = await agent.stats({ containerIds: ['none', 'c'] });
    assert.equal(machine, undefined);
    assert.deepEqual(
      containers.map(({ containerId }) => containerId),
      ['c'],
    );
    const [stats] = containers;
    assert.equal(stats?.memory?.currentBytes, 4_096_000n);
    assert.equal(stats?.memory?.limitBytes, undefined);
    assert.deepEqual([stats?.pids?.current, stats?.pids?.limit], [1n, 4096n]);
    assert.deepEqual([stats?.cpu?.usageUs, stats?.cpu?.throttledUs], [1_500n, undefined]);
    assert.equal(stats?.io, undefined);
    const whole = await agent.stats({ machine: true });
    assert.deepEqual([whole.containers, whole.machine?.cpu?.usageUs], [[], 3_000n]);
    assert.equal(whole.machine?.memoryTotalBytes, 512n << 20n);
  }));
