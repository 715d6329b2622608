// Tests of warming up a guest: what is run there, over which connections, and how it ends.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import type { Agent, GuestContainer, Identity } from '../../host/agent/agent.js';
import { defaults } from '../../model/defaults.js';
import { FakeShare } from '../../testing/fake-share.js';
import { warmUp } from './warm-up.js';

const root = await mkdtemp(path.join(tmpdir(), 'virtc-warm-'));
let scratch = '';
beforeEach(async () => {
  scratch = await mkdtemp(path.join(root, 'scratch-'));
});
after(() => rm(root, { recursive: true, force: true }));

/** A guest that notes what it is asked; `failing` is the call that goes wrong. */
async function world(failing = '') {
  const calls: string[] = [];
  const open = new Set<number>();
  const identities: Identity[] = [];
  const containers: GuestContainer[] = [];
  let connections = 0;
  const share = new FakeShare();
  const podShare = await share.create({ podId: 'template', runDirectory: scratch });
  podShare.attach(null);
  const attach = async (): Promise<Agent> => {
    const connection = ++connections;
    assert.equal(open.size, 0, 'the one before is closed');
    open.add(connection);
    const call =
      (name: string, result: unknown = undefined) =>
      async (...args: unknown[]) => {
        calls.push(name);
        if (name === 'personalize') identities.push(args[0] as Identity);
        if (name === 'createContainer') containers.push(args[0] as GuestContainer);
        if (name === failing) throw new Error(`${name} failed`);
        return result;
      };
    return {
      personalize: call('personalize'),
      createContainer: call('createContainer'),
      startContainer: call('startContainer'),
      readOutput: call('readOutput', { data: new Uint8Array(0), end: true }),
      wait: call('wait', { code: 0 }),
      destroyContainer: call('destroyContainer'),
      quiesce: call('quiesce'),
      close: () => open.delete(connection),
    } as unknown as Agent;
  };
  const run = (signal = new AbortController().signal) =>
    warmUp({ what: 'cannot make template x', scratch, share: podShare, defaults, attach, signal });
  return { run, calls, open, identities, containers, share, connections: () => connections };
}

test('containers are run one after the other, each over a connection of its own, the last of which stays', async () => {
  const { run, calls, open, containers, connections } = await world();
  await run();
  assert.equal(connections(), 8);
  assert.deepEqual([...open], [8]);
  const round = [
    ...['personalize', 'createContainer', 'startContainer', 'readOutput', 'readOutput', 'wait'],
    ...['destroyContainer', 'quiesce'],
  ];
  assert.deepEqual(calls, Array.from({ length: 8 }, () => round).flat());
  assert.equal(new Set(containers.map(({ containerId }) => containerId)).size, 8);
});

test('nothing of it is the host’s: its program is the guest image’s, its root holds empty files', async () => {
  const { run, containers, share } = await world();
  await run();
  for (const { root: of, specJson, stdin } of containers) {
    assert.deepEqual([of.discardWrites, stdin], [true, false]);
    const spec = JSON.parse(specJson) as {
      mounts: { destination: string; source: string; options: string[] }[];
    };
    const program = spec.mounts.find(({ destination }) => destination === '/bin/echo');
    assert.equal(program?.source, 'virtc-guest:busybox');
    assert.ok(program?.options.includes('ro'));
  }
  const directory = path.join(scratch, 'warm-root');
  const names = (await readdir(directory, { recursive: true })).sort();
  assert.deepEqual(names, [
    ...['bin', 'bin/echo', 'dev', 'etc', 'etc/group', 'etc/passwd', 'proc', 'sys', 'tmp'],
  ]);
  assert.equal((await stat(path.join(directory, 'bin/echo'))).size, 0);
  assert.match(await readFile(path.join(directory, 'etc/passwd'), 'utf8'), /^root:x:0:0:.*\n$/);
  const bound = [...share.bound.values()];
  assert.deepEqual(bound, [{ source: directory, readOnly: true, cached: true }]);
});

test('its guest is nobody: each round has another machine’s id', async () => {
  const { run, identities } = await world();
  await run();
  const ids = identities.map(({ machineId }) => machineId);
  assert.equal(new Set(ids).size, 8);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  assert.deepEqual(new Set(identities.map((identity) => identity.hostname)), new Set(['template']));
});

test('whatever the guest fails with ends it, and its connection is closed', async () => {
  for (const failing of [
    ...['personalize', 'createContainer', 'startContainer', 'readOutput', 'wait'],
    ...['destroyContainer', 'quiesce'],
  ]) {
    scratch = await mkdtemp(path.join(root, 'scratch-'));
    const { run, open, connections } = await world(failing);
    await assert.rejects(run(), { message: `${failing} failed` });
    assert.deepEqual([connections(), open.size], [1, 0], failing);
  }
});

test('one that is given up begins no other round', async () => {
  const { run, open, connections } = await world();
  await assert.rejects(run(AbortSignal.abort('enough')), { name: 'AbortError', cause: 'enough' });
  assert.deepEqual([connections(), open.size], [0, 0]);
});
