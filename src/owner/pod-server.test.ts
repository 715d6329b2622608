// Tests of what a pod's socket does with its clients: versions, garbage, silence, their end and its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { dialSocket } from '../base/sockets/dial-socket.js';
import { version } from '../base/version.js';
import type { Pod } from '../model/pod.js';
import type { FakeCrunOptions } from '../testing/fake-crun.js';
import { PodWorld } from '../testing/pod-world.js';
import { Pod as PodService } from '../wire/gen/pod_pb.js';
import { connectClient, createClient } from '../wire/ttrpc/index.js';
import { connectPod } from './client/connect-pod.js';
import { KeptOutputs } from './io/kept-outputs.js';
import { openSockets } from './open-sockets.js';
import { errorOf, options, running, within } from './pod.suite.js';
import { type PodServer, servePod } from './pod-server.js';
import { podSocketName, protocolVersion } from './protocol.js';

const what = 'cannot reach it';
let root = '';
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'virtc-pod-server-'));
});
after(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Place {
  readonly world: PodWorld;
  readonly own: Pod;
  readonly server: PodServer;
  readonly directory: string;
  readonly connect: () => Promise<Pod>;
  readonly dial: () => Promise<Socket>;
}

let places = 0;

async function served(
  work: (place: Place) => Promise<void>,
  more: { readonly crun?: FakeCrunOptions; readonly in?: string } = {},
): Promise<void> {
  const base = path.join(root, more.in ?? String(places++));
  await mkdir(base, { recursive: true });
  const outputs = new KeptOutputs(async () => null);
  const world = new PodWorld({
    root: base,
    keepOutput: outputs.keep.bind(outputs),
    ...(more.crun === undefined ? {} : { crun: more.crun }),
  });
  const own = await world.runtime.createPod({ id: 'p' });
  const directory = path.join(base, 'p');
  const server = await openSockets(own, { directory, outputs });
  try {
    await work({
      world,
      own,
      server,
      directory,
      connect: () => connectPod({ podId: 'p', directory }),
      dial: () => dialSocket(path.join(directory, podSocketName), { what }),
    });
  } finally {
    await own.delete({ force: true });
    await server.close();
    await rm(base, { recursive: true });
  }
}

async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.destroyed) await once(socket, 'close');
}

test('the socket is its user’s alone, replaces what was left there, and goes with the server', async () => {
  await served(async ({ own, server, directory, connect }) => {
    const file = path.join(directory, podSocketName);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await server.close();
    await server.close();
    assert.equal(existsSync(file), false);
    const refused = await errorOf(connect());
    assert.deepEqual([refused.code, refused.details['reason']], ['unavailable', 'owner-gone']);
    assert.match(refused.message, /^cannot open pod p: its owner cannot be reached: /);
    writeFileSync(file, 'left by somebody');
    const again = await servePod(own, { directory, version: '1', keepsOutput: false });
    assert.equal((await (await connect()).status()).id, 'p');
    await again.close();
  });
});

test('a path that is too long for a socket’s name is no matter', async () => {
  await served(
    async ({ directory, connect }) => {
      assert.ok(directory.length > 150);
      assert.equal((await (await connect()).status()).id, 'p');
    },
    { in: path.join('x'.repeat(100), 'y'.repeat(50)) },
  );
});

test('a client of another version is told both versions and what to do', async () => {
  await served(async ({ dial }) => {
    const connection = connectClient(await dial());
    const client = createClient(PodService, connection);
    await assert.rejects(client.status({}), {
      code: 'failed-precondition',
      message: /no handshake/,
    });
    const greeting = { protocolVersion: protocolVersion + 1, clientVersion: '9.9' };
    await assert.rejects(client.handshake(greeting), {
      code: 'unimplemented',
      message: `cannot use pod p: this program (9.9) speaks version 2 of the protocol, its owner (${version}) version 1`,
    });
    await assert.rejects(client.status({}), { code: 'failed-precondition' });
    connection.close();
  });
});

test('a handshake tells who the owner is', async () => {
  await served(async ({ dial }) => {
    const connection = connectClient(await dial());
    const client = createClient(PodService, connection);
    const { $typeName: _, ...answer } = await client.handshake({ protocolVersion });
    assert.deepEqual(answer, {
      protocolVersion,
      ownerVersion: version,
      podId: 'p',
      ownerPid: process.pid,
      keepsOutput: true,
    });
    for (const call of [
      client.createContainer({ optionsJson: '{' }),
      client.stop({ optionsJson: '[1]' }),
      client.exec({ containerId: 'nobody', commandJson: '["true"]' }),
      client.wait({ containerId: '', processId: '\0' }),
      client.signal({ containerId: 'nobody', signal: 900 }),
    ]) {
      const { code } = await errorOf(call);
      assert.match(code, /^(invalid-argument|not-found)$/);
    }
    await client.cancel({ callId: 77 });
    connection.close();
  });
});

test('garbage and silence cost the others nothing', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  await served(async ({ dial, connect }) => {
    const silent = await Promise.all(Array.from({ length: 100 }, dial));
    const garbage = await dial();
    garbage.write(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20)));
    const halfFrame = await dial();
    halfFrame.write(Buffer.from([0, 0, 16]));
    const pod = await connect();
    assert.equal((await pod.status()).id, 'p');
    // Time passes for those that have begun to speak.
    const ends = [closed(garbage), closed(halfFrame)];
    await new Promise((resolve) => setImmediate(resolve));
    context.mock.timers.tick(10_000);
    await Promise.all(ends);
    assert.equal((await pod.status()).id, 'p');
    assert.equal(
      silent.some((socket) => socket.destroyed),
      false,
    );
    for (const socket of silent) socket.destroy();
  });
});

test('more connections than there may be are ended as they come, and there is room again', async () => {
  await served(async ({ dial, connect }) => {
    const sockets = await Promise.all(Array.from({ length: 256 }, dial));
    const late = await errorOf(within(5_000, connect()));
    assert.equal(late.code, 'unavailable');
    for (const socket of sockets) socket.destroy();
    for (let attempt = 0; ; attempt++) {
      const pod = await connect().catch(() => null);
      if (pod !== null) break;
      assert.ok(attempt < 100);
      await pause(10);
    }
  });
});

test('two hundred clients at once are served', async () => {
  await served(async ({ own, connect }) => {
    await running(own);
    const answers = Array.from({ length: 200 }, async () => {
      const pod = await connect();
      return (await pod.container('c').status()).state;
    });
    assert.deepEqual(new Set(await within(20_000, Promise.all(answers))), new Set(['running']));
  });
});

test('a client that goes away takes with it what it was about to make, but no stop', async () => {
  let free = (): void => {};
  const crun: FakeCrunOptions = {
    onStep: (step, id) => {
      if (step !== 'create' || id !== 'late') return;
      return new Promise<void>((resolve) => {
        free = resolve;
      });
    },
  };
  await served(
    async ({ world, own, dial }) => {
      const stubborn = await own.createContainer(options(['stubborn'], { id: 's' }));
      await stubborn.start();
      const connection = connectClient(await dial());
      const client = createClient(PodService, connection);
      await client.handshake({ protocolVersion });
      const calls = [
        client.createContainer({ optionsJson: JSON.stringify(options(['true'], { id: 'late' })) }),
        client.stopContainer({ containerId: 's', optionsJson: '{"graceMs":100}' }),
        client.wait({ containerId: 's' }),
      ].map(errorOf);
      await pause(50);
      connection.close();
      for (const error of await Promise.all(calls)) assert.equal(error.code, 'unavailable');
      assert.equal((await within(2_000, stubborn.wait())).signal, 'SIGKILL');
      free();
      for (let round = 0; world.disk.names.has('late'); round++) {
        assert.ok(round < 200);
        await pause(10);
      }
      assert.deepEqual(
        own.containers.map(({ id }) => id),
        ['s'],
      );
    },
    { crun },
  );
});

test('a process goes on without its client, to its end or its time, and nobody need read it', async () => {
  await served(async ({ own, server, dial }) => {
    const container = await running(own);
    const connection = connectClient(await dial());
    const client = createClient(PodService, connection);
    await client.handshake({ protocolVersion });
    const exec = (command: readonly string[], more: object): Promise<unknown> =>
      client.exec({
        containerId: 'c',
        commandJson: JSON.stringify(command),
        optionsJson: JSON.stringify(more),
      });
    await exec(['flood', '20000000'], { id: 'flood' });
    await exec(['sleep'], { id: 'timed', timeoutMs: 100 });
    const events = own.events();
    connection.close();
    const ended = new Set<string>();
    while (ended.size < 2) {
      const { value } = await within(5_000, events.next());
      if (value?.kind === 'exec-exited') ended.add(value.processId);
    }
    assert.deepEqual(ended, new Set(['flood', 'timed']));
    for (const id of ended) {
      for (let round = 0; isKnown(server, id); round++) {
        assert.ok(round < 200, `${id} is known`);
        await pause(10);
      }
    }
    await container.stop();
  });
});

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

function isKnown(server: PodServer, processId: string): boolean {
  try {
    return server.findProcess('c', processId).id === processId;
  } catch {
    return false;
  }
}

test('processes are forgotten when all there is of them was told', async () => {
  await served(async ({ own, server, connect }) => {
    await running(own);
    const container = (await connect()).container('c');
    for (let round = 0; round < 50; round++) {
      const process = await container.exec(['true'], { id: `x${round}` });
      assert.equal((await process.wait()).code, 0);
      assert.equal((await process.wait()).code, 0);
    }
    await pause(50);
    for (let round = 0; round < 50; round++) assert.equal(isKnown(server, `x${round}`), false);
  });
});

test('pods that a program has forgotten make room for others', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await served(async ({ connect }) => {
    for (let round = 0; round < 600; round++) {
      await connect();
      if (round % 50 !== 0) continue;
      collect();
      await pause(1);
    }
  });
});

test('the end of the owner is told to all who wait', async () => {
  await served(async ({ own, server, connect }) => {
    const container = await running(own);
    const pod = await connect();
    const process = await pod.container('c').exec(['sleep'], { stdin: true });
    const events = pod.events();
    const pending = [
      process.wait(),
      process.output(),
      pod.container('c').wait(),
      pod.run(options(['sleep'])),
      drain(events),
    ].map(errorOf);
    await pause(50);
    await server.close();
    for (const error of await within(5_000, Promise.all(pending))) {
      assert.equal(error.code, 'unavailable');
      assert.match(error.message, /: the owner of pod p has ended$/);
    }
    assert.equal((await events.next()).done, true);
    await assert.rejects(pod.status(), { code: 'unavailable' });
    await assert.rejects(pod.delete({ force: true }), { code: 'unavailable' });
    await container.stop();
  });
});

test('a pod that somebody else has deleted is gone for all who have it', async () => {
  await served(async ({ own, server, connect }) => {
    await running(own);
    const [one, other] = [await connect(), await connect()];
    const container = other.container('c');
    const events = other.events();
    // As a shim does it: it ends with its pod.
    await one.delete({ force: true });
    await server.close();
    // Whoever writes to a socket that was closed in the same moment has not read what is in it.
    await pause(10);
    await assert.rejects(other.status(), { code: 'not-found' });
    const kinds: string[] = [];
    for await (const { kind } of events) kinds.push(kind);
    assert.equal(kinds.at(-1), 'pod-deleted');
    await assert.rejects(container.start(), { code: 'not-found' });
    await other.delete();
    await container.delete({ force: true });
    await one.stop();
  });
});

test('what others do is seen when the owner is asked', async () => {
  await served(async ({ own, connect }) => {
    const pod = await connect();
    const container = await running(own);
    assert.deepEqual(pod.containers, []);
    await pod.status();
    const seen = pod.container('c');
    assert.equal(pod.containers.length, 1);
    await container.delete({ force: true });
    await running(own);
    await pod.status();
    assert.notEqual(pod.container('c'), seen);
    const streams = pod.container('c').stdout;
    await own.container('c').stop();
    await own.container('c').start();
    await pod.status();
    assert.notEqual(pod.container('c').stdout, streams);
  });
});

test('relative paths are those of the client', async () => {
  await served(async ({ own, connect }) => {
    const pod = await connect();
    const mounts = [{ kind: 'bind', source: '.', destination: '/x' } as const];
    const container = await pod.createContainer({ rootfs: '.', command: ['true'], mounts });
    const [status] = (await own.status()).containers;
    assert.equal(status?.id, container.id);
    assert.equal(status?.rootfs, process.cwd());
  });
});

test('neither a server nor a client keeps its process alive', async () => {
  await served(async ({ directory, connect }) => {
    await connect();
    const client = new URL('./client/connect-pod.js', import.meta.url).href;
    const program = `
      import { connectPod } from ${JSON.stringify(client)};
      const pod = await connectPod({ podId: 'p', directory: ${JSON.stringify(directory)} });
      const { id } = await pod.status();
      const container = await pod.createContainer({ id: 'c', rootfs: '/tmp', command: ['trap', '3'] });
      await container.start();
      const events = pod.events();
      const silent = await container.exec(['sleep'], { stdin: true });
      const process = await container.exec(['cat'], { stdin: true });
      process.stdin.end('echoed');
      for await (const chunk of process.stdout) console.log(chunk.toString());
      setTimeout(() => container.kill(), 100);
      console.log(id, (await container.wait()).code);
      const other = await pod.createContainer({ rootfs: '/tmp', command: ['echo', 'kept'] });
      await other.start();
      for await (const line of other.lines()) console.log(line);
      await (await pod.createContainer({ id: 'd', rootfs: '/tmp', command: ['sleep'] })).start();
      await pod.container('d').exec(['sleep']);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    const [code] = (await within(15_000, once(child, 'close'))) as [number];
    assert.deepEqual([code, printed], [0, 'echoed\np 3\nkept\n']);
  });
});
