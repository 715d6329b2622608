// Tests of the JSON lines on standard error.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtcontainersError } from '../../base/errors.js';
import { toErrorEvent, toJsonLine } from './json-lines.js';

test('an error as an event has all that the text has', () => {
  const error = new VirtcontainersError('not-found', 'cannot x', {
    hint: 'do y',
    details: { path: '/x', count: 3n, cause: new Error('below') },
  });
  assert.deepEqual(JSON.parse(toJsonLine(toErrorEvent(error, 125))), {
    event: 'error',
    code: 'not-found',
    message: 'cannot x',
    hint: 'do y',
    exitCode: 125,
    details: { path: '/x', count: '3', cause: 'below' },
  });
  assert.deepEqual(toErrorEvent(new TypeError('x is not a function'), 125), {
    event: 'error',
    code: 'internal',
    message: 'x is not a function',
    hint: null,
    exitCode: 125,
    details: {},
  });
});

test('a line is one line, and nothing in it acts on a terminal', () => {
  const text = 'a\nb\u001b[2J\u009b1m\u202e\u2028\u007f\u{e0001}ü€😀"\\';
  const line = toJsonLine({ text });
  assert.equal(line.indexOf('\n'), line.length - 1);
  assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.deepEqual(JSON.parse(line), { text });
});

test('details in a circle, or deep, end', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  assert.ok(toJsonLine({ details: circle }).length < 1000);
});
