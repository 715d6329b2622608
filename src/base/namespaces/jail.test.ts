// Tests of the jail on real processes: what they are, see and can do, and what is left when they are gone.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { withFreeDescriptors } from '../../testing/few-descriptors.js';
import { processHandle, waitForDeath } from '../process-handle.js';
import { createTrace } from '../trace/trace.js';
import { type JailedProcess, type JailSpec, prepareJail, spawnInJail } from './jail.js';

const shell = '/usr/bin/sh';
let directory = '';
// A jailed process does not keep this one alive.
const awake = setInterval(() => {}, 1000);

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'jail-test-'));
  chmodSync(directory, 0o755);
});
after(() => {
  clearInterval(awake);
  rmSync(directory, { recursive: true, force: true });
});

const plain: JailSpec = {
  argv: [shell, '-c', 'true'],
  env: { PATH: '/usr/bin' },
  readOnlyPaths: [],
  writablePaths: [],
  exports: [],
  devices: ['null', 'urandom'],
  needsFileCapabilities: true,
};

const start = (script: string, spec: Partial<JailSpec> = {}): Promise<JailedProcess> =>
  spawnInJail({ ...plain, ...spec, argv: [shell, '-c', script] });

async function run(script: string, spec: Partial<JailSpec> = {}): Promise<string> {
  const jailed = await start(script, spec);
  const output = await text(jailed.stderr);
  await jailed.exited;
  return output;
}

/** A jailed process that has reached its program, for looking at it from outside. */
async function withSleeper(
  spec: Partial<JailSpec>,
  look: (jailed: JailedProcess) => Promise<void> | void,
): Promise<void> {
  const jailed = await start('echo ready; exec sleep 60', spec);
  try {
    await once(jailed.stderr, 'data');
    await look(jailed);
  } finally {
    jailed.kill('SIGKILL');
    await jailed.exited;
  }
}

function statusOf(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
}

const hostMounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

test('seen from the host it is an unprivileged user with four capabilities of its own namespace', async () => {
  await withSleeper({}, ({ pid, isolation }) => {
    assert.deepEqual(isolation, { userNamespace: true, idmappedBinds: true });
    const status = statusOf(pid);
    assert.equal(status['Uid'], '200000\t200000\t200000\t200000');
    assert.equal(status['Gid'], '200000\t200000\t200000\t200000');
    assert.equal(status['Groups']?.trim() ?? '', '');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.equal(status[set], '000000000000001b');
    for (const set of ['CapInh', 'CapAmb']) assert.equal(status[set], '0000000000000000');
    assert.equal(status['NoNewPrivs'], '1');
    assert.equal(status['Seccomp'], statusOf(process.pid)['Seccomp']);
  });
});

test('without a share it has no capability at all', async () => {
  await withSleeper({ needsFileCapabilities: false }, ({ pid }) => {
    const status = statusOf(pid);
    assert.equal(status['Uid'], '200000\t200000\t200000\t200000');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.equal(status[set], '0000000000000000');
  });
});

test('where ids cannot be mapped it is uid 0 with the same four capabilities', async () => {
  await withSleeper({ sources: ['/proc'] }, ({ pid, isolation }) => {
    assert.deepEqual(isolation, { userNamespace: false, idmappedBinds: false });
    const status = statusOf(pid);
    assert.equal(status['Uid'], '0\t0\t0\t0');
    assert.equal(status['CapEff'], '000000000000001b');
    assert.equal(status['CapBnd'], '000000000000001b');
    assert.equal(status['NoNewPrivs'], '1');
  });
});

test('every namespace is its own, and the main thread has changed none of its', async () => {
  const namespaces = ['mnt', 'net', 'ipc', 'uts', 'pid', 'user'];
  const of = (pid: number | string): string[] =>
    namespaces.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));
  const own = of('self');
  await withSleeper({}, ({ pid }) => {
    const jailed = of(pid);
    for (const name of jailed) assert.equal(own.includes(name), false);
  });
  assert.deepEqual(of('self'), own);
});

test('of /usr it sees what belongs to packages, not what else the host keeps there', async () => {
  const names = (await run('ls /usr')).trim().split('\n');
  assert.ok(names.includes('bin') && names.includes('share'), names.join());
  for (const name of ['local', 'src', 'include', 'games']) assert.ok(!names.includes(name), name);
});

test('once it is sealed it can write nothing, and its sockets can still be reached', async () => {
  const writable = mkdtempSync(path.join(directory, 'sealed-'));
  const script = `
    $SIG{TERM} = sub { open(my $f, '>', 'late') or print "late: $!\n"; mkdir('deep') or print "deep: $!\n"; exit };
    use IO::Socket::UNIX;
    my $s = IO::Socket::UNIX->new(Local => 'socket', Listen => 1);
    $| = 1; print "ready\n"; sleep 60 while 1;`;
  const jailed = await spawnInJail({
    ...plain,
    argv: ['/usr/bin/perl', '-e', script],
    writablePaths: [writable],
    cwd: writable,
  });
  try {
    await once(jailed.stderr, 'data');
    await jailed.seal();
    const client = connect(path.join(writable, 'socket'));
    await once(client, 'connect');
    client.destroy();
    const rest = text(jailed.stderr);
    jailed.kill('SIGTERM');
    assert.match(await rest, /^late: Read-only file system\ndeep: Read-only file system$/m);
    assert.deepEqual(readdirSync(writable), ['socket']);
  } finally {
    jailed.kill('SIGKILL');
    await jailed.exited;
  }
});

test('it has no network but a loopback that is down', async () => {
  await withSleeper({}, ({ pid }) => {
    const devices = readFileSync(`/proc/${pid}/net/dev`, 'utf8')
      .split('\n')
      .slice(2)
      .filter(Boolean);
    assert.deepEqual(
      devices.map((line) => line.trim().split(':')[0]),
      ['lo'],
    );
    assert.equal(readFileSync(`/proc/${pid}/net/route`, 'utf8').split('\n').slice(1).join(''), '');
  });
});

test('it sees the processes of its jail only, and the keeper is one that it cannot touch', async () => {
  const output = await run('echo /proc/[0-9]*; kill -9 1; cat /proc/1/environ; echo end');
  assert.match(output, /^\/proc\/1 \/proc\/\d+\n/);
  assert.match(output, /Operation not permitted|not permitted/);
  assert.match(output, /Permission denied/);
  assert.match(output, /end\n$/);
});

test('the kernel is not to be configured through its proc', async () => {
  assert.equal(
    await run('for n in sys kcore sysrq-trigger; do test -e /proc/$n && echo $n; done'),
    '',
  );
});

test('it has the mounts that were asked for and no others', async () => {
  const readOnly = path.join(directory, 'read only, with=odd\tname');
  const writable = path.join(directory, 'run');
  const root = path.join(directory, 'export');
  for (const made of [readOnly, writable, root]) mkdirSync(made);
  const spec = {
    readOnlyPaths: [readOnly],
    writablePaths: [writable],
    exports: [root],
  };
  const before = hostMounts();
  await withSleeper(spec, ({ pid }) => {
    assert.equal(hostMounts(), before);
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n');
    const flags = Object.fromEntries(
      mounts.map((line) => {
        const [, , , , place = '', options = ''] = line.split(' ');
        assert.equal(/ (shared|master):/.test(line), false, line);
        return [place.replaceAll('\\040', ' ').replaceAll('\\011', '\t'), options];
      }),
    );
    const expected = {
      '/': 'ro,nosuid,noexec,relatime',
      '/proc': 'rw,nosuid,nodev,noexec,relatime',
      ...Object.fromEntries(
        ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'libexec', 'share']
          .map((name) => `/usr/${name}`)
          .filter((place) => lstatSync(place, { throwIfNoEntry: false })?.isDirectory())
          .map((place) => [place, 'ro,nosuid,nodev,relatime']),
      ),
      '/etc/ld.so.cache': 'ro,nosuid,nodev,relatime',
      '/user-namespace': 'rw',
      [readOnly]: 'ro,nosuid,nodev,relatime',
      [writable]: 'rw,nosuid,nodev,noexec,relatime',
      [root]: 'ro,nosuid,nodev,noexec,relatime',
    };
    assert.deepEqual(flags, expected);
  });
  assert.equal(hostMounts(), before);
});

test('what it may not write it cannot write, also not the root', async () => {
  const readOnly = path.join(directory, 'fixed');
  mkdirSync(readOnly);
  writeFileSync(path.join(readOnly, 'file'), 'kept', { mode: 0o666 });
  chmodSync(readOnly, 0o777);
  const attempts = [
    ...['file', 'new', '/usr/x', '/x', '/dev/x', '/tmp/x'].map((name) => `echo lost > ${name}`),
    'mount -o remount,rw /',
    'umount /proc',
    'mknod /dev/x c 1 1',
    'unshare --mount true',
    'nsenter --user=/user-namespace true',
  ];
  const script = attempts.map((attempt, index) => `(${attempt}) 2>&- && echo ${index}`).join('; ');
  const output = await run(`cd ${readOnly}; ${script}; echo end`, { readOnlyPaths: [readOnly] });
  assert.equal(output, 'end\n');
  assert.equal(readFileSync(path.join(readOnly, 'file'), 'utf8'), 'kept');
  assert.deepEqual(readdirSync(readOnly), ['file']);
});

test('a writable path is its user’s, and what it makes there is no file of root', async () => {
  const writable = path.join(directory, 'sockets');
  mkdirSync(writable, { mode: 0o700 });
  assert.equal(
    await run('echo made > made; cat made', { writablePaths: [writable], cwd: writable }),
    'made\n',
  );
  assert.equal(statSync(path.join(writable, 'made')).uid, 200_000);
  assert.equal(statSync(writable).uid, 200_000);
});

test('its devices are those asked for', async () => {
  const list = 'ls /dev; head -c 4 /dev/urandom | wc -c; echo x > /dev/null && echo ok';
  assert.equal(await run(list), 'null\nurandom\n4\nok\n');
  assert.equal(await run('stat -c "%a %u %t,%T" /dev/kvm', { devices: ['kvm'] }), '600 0 a,e8\n');
});

test('its environment is exactly the one given', async () => {
  const env = { PATH: '/usr/bin', NAME: 'a value\nof two lines' };
  await withSleeper({ env }, ({ pid }) => {
    const actual = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
    // The shell in between adds the working directory.
    assert.deepEqual(
      actual.filter((entry) => !entry.startsWith('PWD=')).sort(),
      Object.entries(env)
        .map((entry) => entry.join('='))
        .sort(),
    );
  });
});

test('it has three descriptors, whatever this process has open or has inherited', async () => {
  // The shell leaves 40 open for the node that it starts; node itself closes only the first few.
  const script = `import { spawnInJail } from ${JSON.stringify(jailUrl)};
    const jailed = await spawnInJail(${JSON.stringify({ ...plain, argv: ['/usr/bin/ls', '/proc/self/fd'] })});
    jailed.stderr.ref().pipe(process.stdout);`;
  const owner = spawn('bash', ['-c', 'exec 40</dev/zero; exec "$@"', 'bash', ...nodeArgs(script)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // `ls` opens the directory itself as 3.
  assert.equal(await text(owner.stdout), '0\n1\n2\n3\n');
});

test('it has a session of its own, so that keys typed at our terminal are not for it', async () => {
  const sessionOf = (pid: number | 'self'): string | undefined => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')')).split(' ')[4];
  };
  await withSleeper({}, ({ pid }) => assert.notEqual(sessionOf(pid), sessionOf('self')));
});

test('two jails at once are apart', async () => {
  await withSleeper({}, (first) =>
    withSleeper({}, (second) => {
      const of = (pid: number): string => readlinkSync(`/proc/${pid}/ns/mnt`);
      assert.notEqual(of(first.pid), of(second.pid));
      assert.notEqual(
        readlinkSync(`/proc/${first.pid}/ns/pid`),
        readlinkSync(`/proc/${second.pid}/ns/pid`),
      );
    }),
  );
});

test('a prepared jail is used once and is as good as another', async () => {
  await prepareJail();
  assert.equal(await run('echo one'), 'one\n');
  assert.equal(await run('echo two'), 'two\n');
});

test('a source mounted or made after the preparation is seen', async () => {
  await prepareJail();
  const late = path.join(directory, 'late');
  mkdirSync(late);
  writeFileSync(path.join(late, 'file'), 'late');
  assert.equal(await run(`cat ${late}/file`, { readOnlyPaths: [late] }), 'late');
});

test('how it ended is told: code, signal, and a program that is missing', async () => {
  assert.deepEqual(await (await start('exit 7')).exited, { code: 7, signal: null });
  const killed = await start('exec sleep 60');
  killed.kill('SIGKILL');
  assert.deepEqual(await killed.exited, { code: null, signal: 'SIGKILL' });
  killed.kill('SIGKILL');
  await assert.rejects(spawnInJail({ ...plain, argv: ['/usr/bin/no-such-program'] }), {
    code: 'not-found',
    message: /cannot start \/usr\/bin\/no-such-program in its jail: ENOENT/,
  });
});

test('a path that cannot be bound is named, and nothing is left', async () => {
  const before = { mounts: hostMounts(), children: children(), descriptors: descriptors() };
  for (const spec of [
    { readOnlyPaths: ['/no/such/path'] },
    { writablePaths: ['/no/such/path'] },
    { exports: ['/no/such/path'] },
  ]) {
    await assert.rejects(start('true', spec), {
      code: 'not-found',
      message: 'cannot bind /no/such/path into the jail: it does not exist',
    });
  }
  for (const wrong of ['relative', '/a/../b', '']) {
    await assert.rejects(start('true', { readOnlyPaths: [wrong] }), { code: 'invalid-argument' });
  }
  // Below /proc there is no place for a mount point, which is found out when the root is already half made.
  await assert.rejects(start('true', { readOnlyPaths: ['/proc/self/task'] }), {
    code: /internal|not-found/,
    message: /^cannot bind \/proc\/self\/task into the jail: /,
  });
  await settled(() => children() <= before.children && descriptors() <= before.descriptors);
  assert.equal(hostMounts(), before.mounts);
});

test('links in bound paths lead to what they mean on the host', async () => {
  const link = path.join(directory, 'link');
  mkdirSync(path.join(directory, 'real'));
  writeFileSync(path.join(directory, 'real', 'file'), 'through');
  symlinkSync(path.join(directory, 'real'), link);
  assert.equal(await run(`cat ${link}/file`, { readOnlyPaths: [link] }), 'through');
});

test('a link of its own leads to what is bound, whatever the place there is called', async () => {
  const odd = path.join(directory, 'a place: with, all');
  mkdirSync(odd);
  writeFileSync(path.join(odd, 'file'), 'through');
  const links = { '/plain/name': path.join(odd, 'file') };
  assert.equal(await run('cat /plain/name', { readOnlyPaths: [odd], links }), 'through');
  await assert.rejects(start('true', { links: { plain: '/usr' } }), { code: 'invalid-argument' });
});

test('a killed owner takes it along within half a second', async () => {
  for (const script of ['exec sleep 60', 'trap "" TERM HUP; while :; do sleep 1; done']) {
    const { owner, pid } = await ownerOf(script, 'setInterval(() => {}, 1000);');
    const handle = processHandle(pid);
    owner.kill('SIGKILL');
    assert.ok(handle === null || (await waitForDeath(handle, 500)));
  }
});

test('a living jail does not keep its owner alive, and ends with it', async () => {
  const { owner, pid } = await ownerOf('exec sleep 60', '');
  const handle = processHandle(pid);
  const [code] = (owner.exitCode === null ? await once(owner, 'exit') : [owner.exitCode]) as [
    number,
  ];
  assert.equal(code, 0);
  assert.ok(handle === null || (await waitForDeath(handle, 500)));
});

/** Starts a jail and lets its time be up before the worker has got far; when it has had `busyMs`, `idleMs` more are over. */
async function startTooLate(
  t: TestContext,
  script: string,
  { busyMs = 0, idleMs = 0 } = {},
): Promise<void> {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const late = start(script);
  await turn();
  t.mock.timers.tick(15_000);
  await assert.rejects(late, { code: 'timeout', message: /^cannot spawn in a jail: / });
  // Without a turn of ours, so that its answer is not taken meanwhile.
  for (const end = performance.now() + busyMs; performance.now() < end; );
  t.mock.timers.tick(idleMs);
  t.mock.timers.reset();
}

test('a jail that comes too late is ended, writes to nobody else, and costs no other its life', async (t) => {
  await withSleeper({}, async (other) => {
    const before = { children: children(), descriptors: descriptors() };
    await startTooLate(t, 'echo stray; exec sleep 60');
    const stray = path.join(directory, 'stray');
    // They get the lowest numbers that are free.
    const files = [1, 2, 3, 4].map(() => openSync(stray, 'a'));
    assert.equal(await run('echo next'), 'next\n');
    await settled(() => children() <= before.children);
    for (const fd of files) closeSync(fd);
    assert.equal(readFileSync(stray, 'utf8'), '');
    assert.match(statusOf(other.pid)['State'] ?? '', /^S/);
    // The next worker has some of its own.
    await settled(() => descriptors() <= before.descriptors + 12);
  });
});

test('a worker that owes an answer is not ended as an idle one: all it began ends and is reaped', async (t) => {
  const before = children();
  for (const busyMs of [0, 5, 10, 15, 20, 30]) {
    await startTooLate(t, 'exec sleep 60', { busyMs, idleMs: 10_000 });
    assert.equal(await run('echo next'), 'next\n');
    await settled(() => children() <= before);
  }
});

test('where descriptors run out in the middle, those before are closed', async () => {
  assert.equal(await run('echo warm'), 'warm\n');
  const before = descriptors();
  // Room for the input, not for the pipe.
  await withFreeDescriptors(1, () =>
    assert.rejects(start('true'), { code: 'EMFILE', syscall: 'pipe2' }),
  );
  assert.equal(descriptors(), before);
});

const jailUrl = new URL('./jail.js', import.meta.url).href;
const nodeArgs = (script: string): string[] => [
  process.execPath,
  '--input-type=module',
  '-e',
  script,
];

/** A node process that jails `script`, tells the pid and then goes on as `then` says. */
async function ownerOf(
  script: string,
  then: string,
): Promise<{ owner: ChildProcess; pid: number }> {
  const spec: JailSpec = { ...plain, argv: [shell, '-c', script] };
  const [program = '', ...args] = nodeArgs(`import { spawnInJail } from ${JSON.stringify(jailUrl)};
    const jailed = await spawnInJail(${JSON.stringify(spec)});
    console.log(jailed.pid);
    ${then}`);
  const owner = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  return { owner, pid: Number(line.toString()) };
}

function children(): number {
  const tasks = readdirSync('/proc/self/task');
  const lists = tasks.map((task) => {
    const file = `/proc/self/task/${task}/children`;
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  });
  return lists.filter(Boolean).join(' ').split(' ').filter(Boolean).length;
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

async function settled(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !condition(); round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(condition());
}

test('a traced jail tells what its thread did, in the time in which it was waited for', async () => {
  const trace = createTrace();
  const jailed = await trace.run(() => start('true'));
  const doneMs = trace.spans.find(({ name }) => name === 'spawn')?.endMs ?? 0;
  await text(jailed.stderr);
  await jailed.exited;
  const names = trace.spans.map(({ name }) => name);
  for (const step of ['isolation', 'root', 'spawn']) assert.ok(names.includes(step), step);
  const [root, spawned] = ['root', 'spawn'].map((step) =>
    trace.spans.find(({ name }) => name === step),
  );
  assert.ok(root !== undefined && spawned !== undefined);
  assert.ok(0 < root.beginMs && root.endMs <= spawned.beginMs && spawned.endMs === doneMs);
  const untraced = await start('true');
  await text(untraced.stderr);
  await untraced.exited;
  assert.equal(trace.spans.length, names.length, 'what is outside of the trace is not in it');
});
