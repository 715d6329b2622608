// Tests of the verbs of containers, through shims over fake VMs that run the real guest service.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { VerbWorld } from '../../../testing/verb-world.js';
import { attach } from './attach.js';
import { exec } from './exec.js';
import { kill } from './kill.js';
import { logs } from './logs.js';
import { pause } from './pause.js';
import { ps } from './ps.js';
import { rm } from './rm.js';
import { start } from './start.js';
import { stop } from './stop.js';
import { unpause } from './unpause.js';
import { wait } from './wait.js';

/** A test with a world of its own, of which nothing is left. */
function testIn(title: string, work: (world: VerbWorld) => Promise<void>): void {
  test(title, { timeout: 60_000 }, async () => {
    const world = new VerbWorld();
    try {
      await work(world);
    } finally {
      await world.close();
    }
    world.owners.host.assertNothingLeft();
  });
}

async function ids(world: VerbWorld): Promise<readonly string[]> {
  world.printed();
  assert.equal(await ps({ all: true, quiet: true }, world.context), 0);
  return world.printed().stdout.split('\n').filter(Boolean);
}

testIn('what was made is started, stopped, waited for and removed by its name', async (world) => {
  const { context } = world;
  assert.equal(await world.make('web', ['trap', '7'], {}, false), 'web');
  assert.equal(await start(['web'], {}, context), 0);
  assert.equal(await start(['we'], {}, context), 0, 'one that runs already is no error');
  assert.equal(await rm(['web'], {}, context), 1);
  assert.deepEqual(world.printed(), {
    stdout: 'web\nwe\n',
    stderr:
      'virtc: cannot remove container web: it is running\nhint: stop it first, or remove it with virtc rm --force web\n',
  });
  assert.equal(await stop(['web'], {}, context), 0);
  assert.equal((await context.runtime.podStatus('web')).state, 'stopped', 'its VM is gone');
  assert.equal(await wait(['web'], {}, context), 0);
  assert.equal(await rm(['web'], {}, context), 0);
  assert.deepEqual(world.printed(), { stdout: 'web\n7\nweb\n', stderr: '' });
  assert.deepEqual(await ids(world), []);
});

testIn('of several, what fails is told and the others are done', async (world) => {
  const { context } = world;
  await world.make('one', ['trap', '0']);
  await world.make('two', ['trap', '0']);
  assert.equal(await kill(['one', 'none', 'two'], { signal: 'TERM' }, context), 1);
  assert.deepEqual(world.printed(), {
    stdout: 'one\ntwo\n',
    stderr: 'virtc: cannot kill container none: no such container\nhint: did you mean one?\n',
  });
  assert.equal(await rm(['none', 'one', 'two'], { force: true }, context), 0);
  const { stdout, stderr } = world.printed();
  assert.equal(stdout, 'one\ntwo\n');
  assert.equal(stderr, 'virtc: cannot remove container none: no such container\n');
});

testIn('what a state does not allow is refused in its words', async (world) => {
  const { context } = world;
  await world.make('job', ['trap', '0'], {}, false);
  const refusals: readonly [() => Promise<number>, string][] = [
    [() => kill(['job'], {}, context), 'cannot kill container job: it has not been started'],
    [() => pause(['job'], {}, context), 'cannot pause container job: it has not been started'],
    [() => unpause(['job'], {}, context), 'cannot unpause container job: it has not been started'],
  ];
  for (const [work, message] of refusals) {
    assert.equal(await work(), 1);
    assert.ok(world.printed().stderr.startsWith(`virtc: ${message}\n`));
  }
  await assert.rejects(exec('job', ['echo'], {}, context), {
    code: 'invalid-state',
    message: 'cannot run in container job: it has not been started',
    hint: 'virtc start job starts it',
  });
  await assert.rejects(attach('job', {}, context), { code: 'invalid-state' });
});

testIn('what is paused stands still, and goes on', async (world) => {
  const { context } = world;
  await world.make('web', ['trap', '0']);
  assert.equal(await pause(['web'], {}, context), 0);
  await assert.rejects(exec('web', ['echo'], {}, context), {
    message: 'cannot run in container web: it is paused',
    hint: 'virtc unpause web lets it go on',
  });
  assert.equal(await unpause(['web'], {}, context), 0);
  assert.equal(await exec('web', ['echo', 'again'], {}, context), 0);
  assert.equal(world.printed().stdout, 'web\nweb\nagain\n');
});

testIn('exec passes input, output and the exit code through', async (world) => {
  const { context, stdin } = world;
  await world.make('web', ['trap', '0']);
  stdin.end('through');
  assert.equal(await exec('web', ['--', 'cat'], { interactive: true }, context), 0);
  assert.equal(world.printed().stdout, 'through');
  assert.equal(await exec('web', ['exit', '9'], {}, context), 9);
  await assert.rejects(exec('web', ['no-such-command'], {}, context), {
    details: { reason: 'command-not-found' },
  });
  await assert.rejects(exec('web', [], {}, context), { code: 'invalid-argument' });
  assert.equal(await exec('web', ['trap', '0'], { detach: true }, context), 0);
});

testIn('a signal to exec is the command’s; the second ^C ends it', async (world) => {
  const { context, signals } = world;
  await world.make('web', ['trap', '0']);
  const trapped = exec('web', ['trap', '6'], {}, context);
  await until(() => signals.listenerCount('SIGTERM') > 0);
  await delay(50);
  signals.emit('SIGTERM');
  assert.ok([6, 143].includes(await trapped));
  const stubborn = exec('web', ['stubborn'], {}, context);
  await until(() => signals.listenerCount('SIGINT') > 0);
  await delay(50);
  signals.emit('SIGINT');
  signals.emit('SIGINT');
  assert.ok([130, 137].includes(await stubborn));
  assert.deepEqual(signals.eventNames(), []);
});

testIn('a terminal is left with the detach keys, and what runs in it goes on', async (world) => {
  const { context, stdin } = world;
  await world.make('tty', ['cat'], { tty: true, interactive: true });
  const attached = attach('tty', {}, context);
  await until(() => stdin.listenerCount('data') > 0);
  stdin.write('ab\x10');
  stdin.write('\x11');
  assert.equal(await attached, 0);
  assert.match(world.printed().stderr, /read escape sequence/);
  assert.deepEqual((await context.runtime.podStatus('tty')).containers[0]?.state, 'running');
});

testIn('attach ends with the container’s code, and passes signals on', async (world) => {
  const { context, signals } = world;
  await world.make('web', ['trap', '5']);
  const attached = attach('web', {}, context);
  await until(() => signals.listenerCount('SIGTERM') > 0);
  await delay(50);
  signals.emit('SIGTERM');
  assert.equal(await attached, 5);
});

testIn('start -a shows all that is printed and ends with the code', async (world) => {
  const { context } = world;
  await world.make('job', ['echo', 'from the start'], {}, false);
  assert.equal(await start(['job'], { attach: true }, context), 0);
  assert.deepEqual(world.printed(), { stdout: 'from the start\n', stderr: '' });
  await assert.rejects(start(['job', 'other'], { attach: true }, context), {
    code: 'invalid-argument',
    message: 'cannot start and attach multiple containers at once',
  });
});

testIn('several containers share a pod, which goes with the last of them', async (world) => {
  const { context } = world;
  await world.make('web', ['trap', '0']);
  await world.make('log', ['trap', '0'], { pod: 'we' });
  assert.deepEqual([...(await ids(world))].sort(), ['log', 'web']);
  assert.equal(await rm(['web'], { force: true }, context), 0);
  assert.deepEqual(await ids(world), ['log']);
  assert.equal(await rm(['log'], { force: true }, context), 0);
  assert.deepEqual(await context.runtime.listPods(), []);
});

testIn('one that cannot be started leaves nothing behind', async (world) => {
  await assert.rejects(world.make('bad', ['no-such-command']), {
    details: { reason: 'command-not-found' },
  });
  assert.deepEqual(await world.context.runtime.listPods(), []);
  await world.make('web', ['trap', '0']);
  await assert.rejects(world.make('bad', ['no-such-command'], { pod: 'web' }));
  assert.deepEqual(await ids(world), ['web']);
});

testIn('a log that is not there is told, with who has one', async (world) => {
  await assert.rejects(logs('none', {}, world.context), {
    code: 'not-found',
    message: 'cannot show the log of container none: no such container',
  });
  await assert.rejects(logs('none', { tail: 'few' }, world.context), {
    message: 'cannot use --tail "few": it must be a number of lines, or all',
  });
  await assert.rejects(logs('none', { source: 'stdot' }, world.context), {
    hint: 'did you mean stdout?',
  });
});

/** Waits for what comes in a few turns. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns += 1) {
    assert.ok(turns < 5000, 'it never came');
    await delay(1);
  }
}
