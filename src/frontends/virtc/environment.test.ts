// Tests of the variables and of the log lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logLevelFrom, runtimeOptionsFrom } from './environment.js';
import { stderrLogger } from './stderr-log.js';

test('variables set the roots and the accelerator', () => {
  assert.deepEqual(
    runtimeOptionsFrom({ VIRTC_ROOT: '/r', VIRTC_LIB_ROOT: '/l', VIRTC_HYPERVISOR: 'tcg' }),
    { runRoot: '/r', libRoot: '/l', accelerator: 'tcg' },
  );
});

test('unset and empty variables set nothing', () => {
  assert.deepEqual(runtimeOptionsFrom({ VIRTC_ROOT: '', VIRTC_HYPERVISOR: '' }), {});
  assert.equal(logLevelFrom({}), null);
});

test('a wrong value is refused with the right ones', () => {
  assert.throws(() => runtimeOptionsFrom({ VIRTC_HYPERVISOR: 'xen' }), {
    code: 'invalid-argument',
    message: 'cannot use VIRTC_HYPERVISOR="xen": it must be auto, kvm, tcg',
  });
  assert.throws(() => logLevelFrom({ VIRTC_LOG: 'verbose' }), { code: 'invalid-argument' });
});

test('log lines have one line, the fields in order, and no control characters', () => {
  const lines: string[] = [];
  const log = stderrLogger('info', (line) => lines.push(line)).child({ pod: 'p' });
  log.debug({}, 'not shown');
  log.info(
    { subsystem: 'qemu', container: 'c', size: 1n, error: new Error('bad') },
    'a\nb\u001b[m',
  );
  assert.deepEqual(lines, [
    'info qemu pod=p container=c: a\\nb\\x1b[m {"size":"1","error":"bad"}\n',
  ]);
});
