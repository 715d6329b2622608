// Tests of the call that lets go of the shares before a guest is saved: refused while anything uses them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCrun } from '../testing/fake-crun.js';
import { FakeSystem } from '../testing/fake-system.js';
import { Agent } from '../wire/gen/agent_pb.js';
import { connectClient, createClient, duplexPair, RpcError, serve } from '../wire/ttrpc/index.js';
import { createAgentService, protocolVersion } from './agent-service.js';

function connect(onStep: (name: string) => Promise<void> | void = () => {}) {
  const runtime = new FakeCrun({ onStep });
  const service = createAgentService({ system: new FakeSystem(), runtime, version: '1.2.3' });
  const [near, far] = duplexPair();
  const server = serve(far, [service]);
  const connection = connectClient(near);
  const close = async (): Promise<void> => {
    connection.close();
    server.close();
    await server.closed;
  };
  return { agent: createClient(Agent, connection), runtime, close };
}

/** @param onStep can hold up the creation and removal of a container, or let them fail */
async function withGuest(
  work: (guest: ReturnType<typeof connect>) => Promise<void>,
  onStep?: (name: string) => Promise<void> | void,
): Promise<void> {
  const guest = connect(onStep);
  try {
    await guest.agent.handshake({ protocolVersion, hostVersion: 'test' });
    await work(guest);
  } finally {
    await guest.close();
  }
}

const creation = {
  containerId: 'c',
  specJson: new TextEncoder().encode(JSON.stringify({ process: { args: ['true'] } })),
  root: {
    kind: {
      case: 'directory' as const,
      value: { source: { share: { tag: 'virtc-ro', cached: true }, path: 'root' } },
    },
  },
};

function isRefused(error: unknown): boolean {
  assert.ok(error instanceof RpcError, String(error));
  assert.equal(error.code, 'failed-precondition');
  assert.match(error.message, /cannot let go of shares: container c is there/);
  return true;
}

test('it needs a handshake as every call does', async () => {
  const { agent, runtime, close } = connect();
  await assert.rejects(agent.quiesce({}), { code: 'failed-precondition' });
  assert.equal(runtime.sharesReleased, 0);
  await close();
});

test('the shares are let go where there is no container, and as often as it is asked', () =>
  withGuest(async ({ agent, runtime }) => {
    await agent.quiesce({});
    await agent.quiesce({});
    assert.equal(runtime.sharesReleased, 2);
  }));

test('it is refused while a container exists, also one that has ended, and works when it is gone', () =>
  withGuest(async ({ agent, runtime }) => {
    await agent.createContainer(creation);
    await assert.rejects(agent.quiesce({}), isRefused);
    await agent.startContainer({ containerId: 'c' });
    await agent.wait({ containerId: 'c' });
    await assert.rejects(agent.quiesce({}), isRefused);
    assert.equal(runtime.sharesReleased, 0);
    await agent.destroyContainer({ containerId: 'c' });
    await agent.quiesce({});
    assert.equal(runtime.sharesReleased, 1);
  }));

test('it is refused while a container is being made or removed', async () => {
  let goOn = (): void => {};
  let reached = (): void => {};
  const hold = async (): Promise<void> => {
    reached();
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
  };
  await withGuest(
    async ({ agent, runtime }) => {
      for (const call of [
        () => agent.createContainer(creation),
        () => agent.destroyContainer({ containerId: 'c' }),
      ]) {
        const isThere = new Promise<void>((resolve) => {
          reached = resolve;
        });
        const running = call();
        await isThere;
        await assert.rejects(agent.quiesce({}), isRefused);
        goOn();
        await running;
      }
      assert.equal(runtime.sharesReleased, 0);
      await agent.quiesce({});
    },
    (name) => (['create', 'destroy'].includes(name) ? hold() : undefined),
  );
});

test('a container that could not be made leaves nothing in its way', () =>
  withGuest(
    async ({ agent, runtime }) => {
      await assert.rejects(agent.createContainer(creation));
      await agent.quiesce({});
      assert.equal(runtime.sharesReleased, 1);
    },
    (name) => {
      if (name === 'create') throw new Error('no room');
    },
  ));
