// Signals and terminals of `virtc run`: while booting, running and stopping.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import { checkout, debian, E2e, type Running, until, untilText } from './harness.js';
import { processesOf } from './leftovers.js';
import { Pty } from './pty.js';

const e2e = new E2e('virtc-signals');

/** A program that is told of SIGTERM and SIGUSR1 and takes its time to stop. */
const listener = `
  trap 'echo got USR1' USR1; trap 'echo got TERM; exit 7' TERM; trap 'echo got INT' INT
  echo ready; while :; do sleep 0.2; done`;

/** Starts a run that boots and waits until its VM exists. */
async function startBooting(name: string): Promise<Running> {
  const args = ['--rootfs', debian, '--name', name, '--no-template', 'echo', 'never'];
  const run = e2e.startVirtc(['run', ...args]);
  await until('the VM exists', () => hasVm(name));
  return run;
}

/** A lib root without a template. */
const emptyLibRoot = e2e.makeLibRoot('empty');

/** Starts a run that makes a template first and waits until the VM of that exists. */
async function startBuilding(): Promise<Running> {
  const env = { VIRTC_LIB_ROOT: emptyLibRoot };
  const run = e2e.startVirtc(['run', '--rootfs', debian, 'echo', 'never'], { env });
  await until('the VM of the template exists', () => buildersVms().length > 0);
  return run;
}

function buildersVms(): readonly string[] {
  return processesOf(emptyLibRoot).filter((line) => /qemu.* -name virtc-template-/.test(line));
}

function hasVm(name: string): boolean {
  try {
    return existsSync(`/proc/${e2e.vmPid(name)}`);
  } catch {
    return false; // The record is not there yet, or names no VM yet.
  }
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} while booting ends the run with ${code} and leaves nothing`, async () => {
    const run = await startBooting(`boot-${signal}`);
    run.child.kill(signal);
    const { code: seen, stdout, stderr } = await run.finished;
    assert.deepEqual([seen, stdout.toString(), stderr], [code, '', '']);
    await e2e.assertNothingLeft();
  });

  test(`${signal} while a template is made ends the run with ${code} and leaves nothing of it`, async () => {
    const run = await startBuilding();
    run.child.kill(signal);
    const { code: seen, stdout, stderr } = await run.finished;
    assert.deepEqual([seen, stdout.toString(), stderr], [code, '', '']);
    assert.deepEqual(processesOf(emptyLibRoot), []);
    assert.deepEqual(readdirSync(path.join(emptyLibRoot, 'templates')), []);
    await e2e.assertNothingLeft();
  });
}

test('signals reach the container, and more of them while it stops change nothing', async () => {
  const run = e2e.startVirtc(['run', '--rootfs', debian, '--', 'sh', '-c', listener]);
  const { stdout } = run.child;
  await untilText(stdout, 'ready');
  // `buffer` of the harness reads the same stream: both see all of it.
  run.child.kill('SIGUSR1');
  await untilText(stdout, 'got USR1');
  run.child.kill('SIGTERM');
  await untilText(stdout, 'got TERM');
  run.child.kill('SIGTERM');
  const { code, stderr } = await run.finished;
  assert.ok(
    code === 7 || code === 143,
    `the container's code, or that of the second signal: ${code}`,
  );
  assert.equal(stderr, '');
  await e2e.assertNothingLeft();
});

test('a container that ignores signals is ended by two ^C, and signals while it is removed change nothing', async () => {
  const deaf = "trap '' TERM INT; echo ready; while :; do sleep 0.2; done";
  const run = e2e.startVirtc(['run', '--rootfs', debian, '--', 'sh', '-c', deaf]);
  await untilText(run.child.stdout, 'ready');
  run.child.kill('SIGTERM');
  await sleep(1_000);
  assert.equal(run.child.exitCode, null);
  run.child.kill('SIGINT');
  await sleep(200);
  assert.equal(run.child.exitCode, null);
  run.child.kill('SIGINT');
  const more = setInterval(() => {
    run.child.kill('SIGTERM');
    run.child.kill('SIGINT');
  }, 20);
  const { code, stderr } = await run.finished.finally(() => clearInterval(more));
  assert.deepEqual([code, stderr], [137, '']);
  await e2e.assertNothingLeft();
});

test('^C on a terminal while booting ends the run with 130, the progress line is gone', async (t) => {
  const pty = openPty(t);
  const run = startOn(pty, [
    'run',
    '--rootfs',
    debian,
    '--name',
    'boot-pty',
    '--no-template',
    'echo',
    'never',
  ]);
  await until('progress is shown', () => pty.shown.includes('booting'));
  pty.type('\x03');
  const { code } = await run.finished;
  assert.equal(code, 130);
  const shownAt = pty.shown.lastIndexOf('booting the virtual machine…');
  assert.ok(pty.shown.lastIndexOf('\r\u001b[K') > shownAt);
  assert.doesNotMatch(pty.shown, /virtc:/);
  await e2e.assertNothingLeft();
});

test('^C on a terminal reaches the container and not the VM; a second one kills', async (t) => {
  const pty = openPty(t);
  const run = startOn(pty, ['run', '--rootfs', debian, '--', 'sh', '-c', listener]);
  await until('the container runs', () => pty.shown.includes('ready'));
  pty.type('\x03');
  await until('the container is told', () => pty.shown.includes('got INT'));
  // More than two seconds later it is a first one again.
  await sleep(2500);
  pty.type('\x03');
  await until('the container is told again', () => pty.shown.split('got INT').length > 2);
  pty.type('\x03');
  const { code } = await run.finished;
  assert.equal(code, 137);
  await e2e.assertNothingLeft();
});

test('with -it keys, sizes and colours are the container’s, and the terminal is restored', async (t) => {
  const pty = openPty(t);
  const before = pty.mode();
  const script = `tty; stty size; trap 'stty size; trap - WINCH' WINCH; echo "term=$TERM"
    stty raw -echo; echo ready; key=$(head -c 3 | od -An -tx1); stty sane
    echo "keys=$key"; for i in 1 2 3 4 5 6 7 8; do sleep 0.5; done; exit 4`;
  const run = startOn(pty, ['run', '--rootfs', debian, '-it', '--', 'sh', '-c', script]);
  await until('the container runs', () => pty.shown.includes('ready'));
  assert.notEqual(pty.mode(), before);
  pty.type('a\x03\x1a');
  await until('the keys arrive', () => pty.shown.includes('keys= 61 03 1a'));
  pty.resize({ columns: 61, rows: 13 });
  const { code } = await run.finished;
  assert.equal(code, 4);
  assert.equal(pty.mode(), before);
  assert.match(pty.shown, /\/dev\/pts\/\d+\r\n21 77\r\nterm=xterm/);
  assert.match(pty.shown, /13 61\r\n/);
  await e2e.assertNothingLeft();
});

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  test(`the terminal is restored when ${signal} ends a container in raw mode`, async (t) => {
    const pty = openPty(t);
    const before = pty.mode();
    const run = startOn(pty, ['run', '--rootfs', debian, '-it', '--', 'sh', '-c', listener]);
    await until('the container runs', () => pty.shown.includes('ready'));
    run.child.kill(signal);
    // The init of a container ignores what it has no trap for, as the shell for SIGHUP.
    if (signal === 'SIGHUP') run.child.kill('SIGTERM');
    await run.finished;
    assert.equal(pty.mode(), before);
    await e2e.assertNothingLeft();
  });
}

test('the terminal is restored when the VM dies, and the error is on a line of its own', async (t) => {
  const pty = openPty(t);
  const before = pty.mode();
  const run = startOn(pty, [
    ...['run', '--rootfs', debian, '--name', 'raw-death', '-it', '--'],
    ...['sh', '-c', 'echo ready; exec sleep 1000'],
  ]);
  await until('the container runs', () => pty.shown.includes('ready\r\n'));
  process.kill(e2e.vmPid('raw-death'), 'SIGKILL');
  const { code } = await run.finished;
  assert.equal(code, 125);
  assert.equal(pty.mode(), before);
  assert.match(pty.shown, /^virtc: cannot .*SIGKILL/m);
  await e2e.assertNothingLeft();
});

test('a second ^C ends a run whose output nobody reads', async () => {
  const args = ['run', '--rootfs', debian, '--', 'sh', '-c', 'echo up >&2; exec cat /dev/zero'];
  const run = e2e.startVirtc(args, { unreadOutput: true });
  await untilText(run.child.stderr, 'up');
  await sleep(1000);
  run.child.kill('SIGINT');
  await sleep(100);
  run.child.kill('SIGINT');
  const { code, signal } = await run.finished;
  assert.ok(code === 137 || signal === 'SIGKILL', `${code} ${signal}`);
  await e2e.assertNothingLeft();
});

test('--timeout ends a command whose output never ends, with 124', async () => {
  const args = ['run', '--rootfs', debian, '--init', '--timeout', '2s', '--', 'sh', '-c'];
  const run = e2e.startVirtc([...args, 'echo up >&2; exec cat /dev/zero'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await untilText(run.child.stderr, 'up');
  const begin = performance.now();
  const { code } = await run.finished;
  assert.equal(code, 124);
  assert.ok(performance.now() - begin < 15_000);
  await e2e.assertNothingLeft();
});

function openPty(t: { after(step: () => void): void }): Pty {
  const pty = new Pty({ columns: 77, rows: 21 });
  t.after(() => pty.close());
  return pty;
}

/** Runs the command line as the foreground program of a terminal. */
function startOn(pty: Pty, args: readonly string[]): Running {
  return e2e.start('setsid', ['--ctty', path.join(checkout, 'bin/virtc'), ...args], {
    stdio: [pty.slave, pty.slave, pty.slave],
    env: { TERM: 'xterm' },
  });
}
