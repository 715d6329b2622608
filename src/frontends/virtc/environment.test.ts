// Tests of the log's level and of the log lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logLevelFrom } from './environment.js';
import { stderrLogger } from './stderr-log.js';

test('an unset or empty variable means no log', () => {
  assert.equal(logLevelFrom({}), null);
  assert.equal(logLevelFrom({ VIRTC_LOG: '' }), null);
  assert.equal(logLevelFrom({ VIRTC_LOG: 'debug' }), 'debug');
});

test('a wrong level is refused with the right ones', () => {
  assert.throws(() => logLevelFrom({ VIRTC_LOG: 'verbose' }), {
    code: 'invalid-argument',
    message: 'cannot use VIRTC_LOG="verbose": it must be debug, info, warn, error',
  });
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

test('a line is bounded and harmless, whatever a guest has put into it', () => {
  const lines: string[] = [];
  const log = stderrLogger('debug', (line) => lines.push(line));
  const bad = '\u001b]0;title\u0007\n\u009b2J\u202e'.repeat(700_000);
  log.error({ subsystem: bad, text: bad, error: new Error(bad), list: [bad] }, bad);
  log.child({ pod: bad }).debug({}, 'x');
  assert.equal(lines.length, 2);
  for (const line of lines) {
    assert.ok(line.length <= 16 * 1024 + 1, `${line.length} characters`);
    assert.match(line, /^[^\p{Cc}\p{Cf}]*\n$/u);
  }
});
