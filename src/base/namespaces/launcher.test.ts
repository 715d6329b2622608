// Tests of the launcher's command line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planLauncher } from './launcher.js';

const argv = ['/usr/bin/qemu', '-device', 'x,y=--z', '--', ''];
const plan = (userNamespace: boolean, needsFileCapabilities: boolean): readonly string[] =>
  planLauncher({ argv, userNamespace, needsFileCapabilities, userId: 200_000 });

test('the program and its arguments come last and unchanged, behind an end of options', () => {
  for (const userNamespace of [true, false]) {
    for (const needsFileCapabilities of [true, false]) {
      const command = plan(userNamespace, needsFileCapabilities);
      assert.deepEqual(command.slice(-argv.length - 1), ['--', ...argv]);
    }
  }
});

test('the parent-death signal is set by the last link, after the user has changed', () => {
  const command = plan(true, true);
  assert.equal(command[0], '/usr/bin/nsenter');
  assert.ok(command.indexOf('--pdeathsig=KILL') > command.indexOf('/usr/bin/setpriv'));
});

test('capabilities are kept only where files are served', () => {
  assert.ok(plan(true, true).includes('--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid'));
  assert.ok(plan(true, false).includes('--bounding-set=-all'));
});

test('without user namespace only a server of files stays uid 0', () => {
  assert.equal(
    plan(false, true).some((word) => word.startsWith('--reuid')),
    false,
  );
  assert.ok(plan(false, false).includes('--reuid=200000'));
  assert.equal(plan(false, true)[0], '/usr/bin/setpriv');
});
