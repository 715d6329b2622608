// Containers that outlive the command that made them: every verb that makes, shows, uses and ends them, in a real VM.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debian, E2e } from './harness.js';

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
