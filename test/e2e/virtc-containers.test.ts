// Containers that outlive the command that made them: every verb that makes, shows, uses and ends them, in a real VM.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debian, E2e, until } from './harness.js';
import { Pty } from './pty.js';

const e2e = new E2e('virtc-containers');
const script =
  'echo hello; trap "echo bye; exit 3" TERM; trap "exit 4" HUP; while :; do sleep 1000 & wait; done';

/** What a verb prints, which must go well. */
async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await e2e.virtc(args);
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout.toString().trim();
}

/** The STATUS of the only container. */
async function statusOf(...flags: readonly string[]): Promise<string> {
  const lines = (await out('ps', '-a', ...flags)).split('\n');
  assert.equal(lines.length, 2, lines.join('\n'));
  return lines[1] ?? '';
}

test('a container is made, listed, used, stopped, started, paused, killed, waited for and removed', async () => {
  assert.equal(
    await out('run', '-d', '--name', 'web', '--rootfs', debian, '--', 'sh', '-c', script),
    'web',
  );
  assert.match(await out('ps'), /^CONTAINER ID .* STATUS .* NAMES\nweb .* Up .* web$/);
  assert.equal(await out('ps', '-q'), 'web');
  assert.equal(await out('exec', 'web', 'hostname'), 'web');
  const failing = await e2e.virtc(['exec', 'web', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
  assert.deepEqual(
    [failing.code, failing.stdout.toString(), failing.stderr],
    [7, 'out\n', 'err\n'],
  );
  assert.equal((await e2e.virtc(['exec', 'web', 'nosuch'])).code, 127);
  assert.equal(await out('pause', 'web'), 'web');
  assert.match(await statusOf(), /\(Paused\)/);
  assert.equal(await out('unpause', 'web'), 'web');
  const again = await e2e.virtc(['run', '-d', '--name', 'web', '--rootfs', debian, '--', 'true']);
  assert.equal(again.code, 125);
  assert.match(again.stderr, /web/);
  const running = await e2e.virtc(['rm', 'web']);
  assert.equal(running.code, 1);
  assert.equal(await out('stop', 'web'), 'web');
  assert.equal(await out('ps', '-q'), '');
  assert.match(await statusOf(), /Exited \(3\)/);
  assert.equal((await e2e.virtc(['exec', 'web', 'true'])).code, 1);
  assert.equal(await out('start', 'web'), 'web');
  assert.match(await statusOf(), /Up /);
  const waiting = out('wait', 'web');
  assert.equal(await out('kill', '-s', 'HUP', 'web'), 'web');
  assert.equal(await waiting, '4');
  assert.equal(await out('rm', 'web'), 'web');
  assert.equal((await out('ps', '-a')).split('\n').length, 1);
  await e2e.assertNothingLeft();
});

test('one that is created starts when it is asked to, and is removed by force while it runs', async () => {
  assert.equal(
    await out('create', '--name', 'later', '--rootfs', debian, '--', 'sh', '-c', script),
    'later',
  );
  assert.match(await statusOf(), /Created/);
  assert.equal(await out('start', 'later'), 'later');
  assert.match(await statusOf(), /Up /);
  assert.equal(await out('rm', '-f', 'later'), 'later');
  assert.equal((await e2e.virtc(['rm', 'later'])).code, 1);
  await e2e.assertNothingLeft();
});

test('what one prints is logged and followed, and its console with it', async () => {
  const words = 'echo out; echo err >&2; read line; echo "got $line"; exit 6';
  await out('run', '-d', '-i', '--name', 'talks', '--rootfs', debian, '--', 'sh', '-c', words);
  const following = e2e.virtc(['logs', '-f', 'talks']);
  const { code } = await e2e.virtc(['attach', 'talks'], { input: 'hello\n' });
  assert.equal(code, 6);
  const followed = await following;
  assert.deepEqual(
    [followed.code, followed.stdout.toString(), followed.stderr],
    [0, 'out\ngot hello\n', 'err\n'],
  );
  assert.equal(await out('logs', '-n', '1', '--source', 'stdout', 'talks'), 'got hello');
  assert.match(await out('logs', '-t', '-n', '1', 'talks'), /^\d{4}-\d\d-\d\dT\S+Z got hello$/);
  assert.match(await out('logs', '--source', 'shim', 'talks'), /the shim owns the pod/);
  assert.equal(await out('inspect', '-f', '{{.State.ExitCode}} {{.Name}}', 'talks'), '6 /talks');
  assert.equal(await out('rm', 'talks'), 'talks');
  assert.equal((await e2e.virtc(['logs', 'talks'])).code, 1);
  await e2e.assertNothingLeft();
});

test('a terminal is attached to, left with the detach keys, and found as it was', async () => {
  await out('run', '-d', '-it', '--name', 'tty', '--rootfs', debian, '--', 'bash', '--norc');
  const pty = new Pty({ columns: 90, rows: 20 });
  try {
    const before = pty.mode();
    const attach = () =>
      e2e.startVirtc(['attach', 'tty'], { stdio: [pty.slave, pty.slave, 'pipe'] }).finished;
    const first = attach();
    await until('the terminal is raw', () => pty.mode() !== before);
    pty.type('stty size; x=kept\n');
    await until('its size is ours', () => pty.shown.includes('20 90'));
    pty.type('\x10\x11');
    const left = await first;
    assert.deepEqual([left.code, pty.mode()], [0, before], left.stderr);
    const second = attach();
    await until('the terminal is raw again', () => pty.mode() !== before);
    pty.type('echo "it is $x"; exit 9\n');
    assert.equal((await second).code, 9);
    assert.match(pty.shown, /it is kept/);
  } finally {
    pty.close();
  }
  await out('rm', 'tty');
  await e2e.assertNothingLeft();
});

test('several containers share a pod, which is looked at, paused, stopped and removed as a whole', async () => {
  assert.equal(await out('pod', 'create', 'group'), 'group');
  for (const name of ['one', 'two']) {
    await out(
      'run',
      '-d',
      '--pod',
      'group',
      '--name',
      name,
      '--rootfs',
      debian,
      '--',
      'sleep',
      '99',
    );
  }
  assert.match(await out('pod', 'ls'), /\ngroup +group +Running .* shim +2$/);
  assert.match(await out('top', 'one'), /sleep 99$/);
  assert.match(
    await out('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}'),
    /^two 1\none 1$/,
  );
  await out('pod', 'pause', 'group');
  assert.equal((await e2e.virtc(['exec', 'one', 'true'])).code, 1);
  await out('pod', 'resume', 'group');
  assert.equal(await out('exec', 'one', 'hostname'), 'group');
  assert.equal(await out('rm', '-f', 'two'), 'two');
  assert.equal((await e2e.virtc(['pod', 'rm', 'group'])).code, 1);
  await out('pod', 'stop', '-t', '0', 'group');
  assert.match(await statusOf(), /Exited \(137\)/);
  assert.equal(await out('pod', 'rm', 'group'), 'group');
  await e2e.assertNothingLeft();
});

test('events tell what happens to pods of other commands', async () => {
  const { child, finished } = e2e.startVirtc([
    'events',
    '--format',
    '{{.Type}} {{.Action}} {{.ID}}',
  ]);
  await out('run', '-d', '--name', 'brief', '--rootfs', debian, '--', 'sleep', '99');
  await out('rm', '-f', 'brief');
  child.kill('SIGINT');
  const { code, stdout } = await finished;
  assert.equal(code, 130);
  const lines = stdout.toString().split('\n');
  for (const line of ['container start brief', 'container die brief', 'pod destroy brief']) {
    assert.ok(lines.includes(line), `${line} in ${lines.join(', ')}`);
  }
  await e2e.assertNothingLeft();
});
