// Containers with an init in a real VM, and the names that programs look up.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import type { ContainerOptions } from '../../src/model/options.js';
import type { Pod } from '../../src/model/pod.js';
import { debian, E2e, printed, shOk, startAndPrint } from './harness.js';
import { makeSmallRoot } from './small-root.js';

const e2e = new E2e('init');
let pod: Pod;

before(async () => {
  pod = await e2e.runtime().createPod({ id: 'init', hostname: 'box.example.org' });
  e2e.cleanup(() => pod.delete({ force: true }));
});

function create(command: readonly string[], options: Partial<ContainerOptions> = {}) {
  return pod.createContainer({ rootfs: debian, command, init: true, ...options });
}

async function run(command: readonly string[], options: Partial<ContainerOptions> = {}) {
  await using container = await create(command, options);
  return await startAndPrint(container);
}

test('the command is a child of an init that the root has nothing of, and its exit code is the container’s', async () => {
  const script = `echo "$$ $PPID $(head -c 18 /proc/1/cmdline | tr '\\0' ' ')"
    (echo x > /dev/init) 2>/dev/null || echo refused; ls /dev/init; exit 7`;
  const { status, stdout, stderr } = await run(['sh', '-c', script]);
  assert.deepEqual(status, { code: 7, signal: null, reason: 'exited' });
  assert.equal(stdout, '2 1 /dev/init -- sh -c\nrefused\n/dev/init\n');
  assert.equal(stderr, '');
});

// In a container without init the same leaves zombies: orphans are those of PID 1, which is sleep.
for (const [init, left] of [
  [true, '0'],
  [false, '4'],
] as const) {
  test(`orphans ${init ? 'are reaped by an init' : 'stay zombies without one'}`, async () => {
    await using container = await create(['sleep', '1000'], { init });
    await container.start();
    const orphans = 'for i in 1 2 3 4; do (sleep 0.2 &); done; sleep 1';
    const count = `for s in /proc/[0-9]*/stat; do cat $s 2>/dev/null; done | awk '$3 == "Z" && $4 == 1' | wc -l`;
    assert.equal(await shOk(container, `${orphans}; ${count}`), left);
  });
}

test('a signal reaches a command that would not hear it as PID 1, and its code is that of a shell', async () => {
  await using container = await create(['sleep', '1000']);
  await container.start();
  await container.kill('SIGTERM');
  assert.deepEqual(await container.wait(), { code: 143, signal: null, reason: 'exited' });
  await using deaf = await create(['sleep', '1000'], { init: false });
  await deaf.start();
  await deaf.kill('SIGTERM');
  assert.equal(await shOk(deaf, 'sleep 0.5; echo alive'), 'alive');
});

test('a command that traps the stop signal ends in order with its own code', async () => {
  const script = 'trap "echo stopped; exit 5" TERM; echo ready; while :; do sleep 0.1; done';
  await using container = await create(['sh', '-c', script]);
  await container.start();
  const all = printed(container);
  await shOk(container, 'sleep 0.3');
  await container.stop({ graceMs: '20s' });
  const { status, stdout } = await all;
  assert.deepEqual([status.code, stdout], [5, 'ready\nstopped\n']);
});

test('a missing command and one that cannot be executed are said as without init', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['no-such-program', 'command-not-found'],
    ['/etc/passwd', 'command-not-executable'],
    ['/usr', 'command-not-executable'],
  ];
  for (const [command, reason] of cases) {
    const errors = await Promise.all(
      [true, false].map((init) =>
        run([command], { init, id: `wrong${init}` }).then(
          () => assert.fail(`${command} ran`),
          (error: { message: string; details: unknown }) => ({
            message: error.message.replace(/wrong(true|false)/, 'c'),
            details: error.details,
          }),
        ),
      ),
    );
    // crun or the agent, whoever looks first: what users are told is the same but for when.
    for (const { message, details } of errors) {
      assert.equal((details as { reason: unknown }).reason, reason, message);
      assert.ok(message.includes(JSON.stringify(command)), message);
      assert.doesNotMatch(message, /dev\/init|tini/);
    }
  }
});

test('through the command line a missing command gives 127, an ended one 128 + n, and signals pass', async () => {
  const missing = await e2e.run(['--init', '--', 'no-such-program']);
  assert.equal(missing.code, 127);
  assert.match(missing.stderr, /^virtc: .*"no-such-program"/);
  const killed = await e2e.run(['--init', '--', 'sh', '-c', 'kill -KILL $$']);
  assert.deepEqual([killed.code, killed.stderr], [137, '']);
});

test('any user, no capability, a read-only root, little memory and a terminal: the init is there', async () => {
  const all = {
    user: '12345:6',
    capabilities: [],
    readOnlyRootfs: true,
    memoryMiB: 6,
    terminal: true,
  } as const;
  const { status, stdout } = await run(
    ['sh', '-c', 'echo $PPID $(id -u); test -t 0 && ps -o tpgid= -p $$ | tr -d " "; exit 3'],
    all,
  );
  assert.equal(stdout.replaceAll('\r', ''), '1 12345\n2\n');
  assert.equal(status.code, 3);
});

test('a root that has something in its place keeps it, and writes to the host leave nothing there', async () => {
  const root = path.join(e2e.scratch, 'root');
  makeSmallRoot(root, ['dash']);
  mkdirSync(path.join(root, 'dev/init'), { recursive: true });
  writeFileSync(path.join(root, 'dev/init/file'), 'mine');
  for (const place of ['proc', 'sys']) mkdirSync(path.join(root, place));
  const before = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  const rootfs = { kind: 'directory', path: root, writes: 'host' } as const;
  const { status, stdout } = await run(['dash', '-c', 'echo $PPID; echo $HOSTNAME'], { rootfs });
  assert.deepEqual([status.code, stdout], [0, '1\nbox.example.org\n']);
  assert.deepEqual(readdirSync(root, { recursive: true, encoding: 'utf8' }).sort(), before);
});

test('a command that needs more memory than it may is ended, and an init does not hide why', async () => {
  const { status } = await run(['tail', '/dev/zero'], { memoryMiB: 64 });
  assert.deepEqual(status, { code: 137, signal: null, reason: 'oom' });
});

test('names have addresses: localhost, the container’s own with its domain, and the loopback answers', async () => {
  const script = `cat /etc/hostname; hostname; hostname -f; hostname -s; echo "$HOSTNAME"
    getent hosts localhost | tr -s ' '; getent hosts box.example.org | tr -s ' '`;
  await using container = await create(['sleep', '1000'], { init: false });
  await container.start();
  assert.equal(
    await shOk(container, script),
    [
      ...['box.example.org', 'box.example.org', 'box.example.org', 'box', 'box.example.org'],
      ...['::1 localhost ip6-localhost ip6-loopback', '127.0.1.1 box.example.org box'],
    ].join('\n'),
  );
  const talk = `
import socket
server = socket.create_server(("localhost", 0))
client = socket.create_connection(server.getsockname(), 5)
client.sendall(b"through"); print(server.accept()[0].recv(7).decode())`;
  assert.equal(await shOk(container, 'python3 -c "$TALK"', { env: { TALK: talk } }), 'through');
  assert.equal(await shOk(container, 'echo "$HOSTNAME"', { env: { HOSTNAME: 'mine' } }), 'mine');
  // Of the container, not of the directory; and the container may write to them.
  assert.equal(existsSync(path.join(debian, 'etc/hosts')), false);
  assert.equal(
    await shOk(container, 'echo 127.0.0.9 nine >> /etc/hosts; getent hosts nine | cut -d " " -f 1'),
    '127.0.0.9',
  );
});

test('a container’s own name, and a volume in the place of a file, win', async () => {
  const hosts = path.join(e2e.scratch, 'hosts');
  writeFileSync(hosts, '10.1.2.3 db\n');
  const { stdout } = await run(['sh', '-c', 'cat /etc/hostname /etc/hosts; echo $HOSTNAME'], {
    hostname: 'own',
    readOnlyRootfs: true,
    mounts: [{ kind: 'bind', source: hosts, destination: '/etc/hosts', readOnly: true }],
  });
  assert.equal(stdout, 'own\n10.1.2.3 db\nown\n');
});
