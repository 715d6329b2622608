// Tests of the states, ids and signals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalName, signalNumber } from './exit-status.js';
import { newId, validateId } from './id.js';
import { requireState } from './state.js';

test('an operation in the wrong state names the state and the right ones', () => {
  requireState('cannot exec in container a', 'container', 'running', ['running']);
  assert.throws(
    () => requireState('cannot exec in container a', 'container', 'ready', ['running', 'paused']),
    {
      code: 'invalid-state',
      message: 'cannot exec in container a: the container is ready, it must be running or paused',
    },
  );
});

for (const id of ['a', 'A-1_b.c', '0', 'x'.repeat(128), newId()]) {
  test(`the id ${id.slice(0, 20)} is accepted`, () => assert.equal(validateId('pod', id), id));
}

const badIds = [
  '',
  '.',
  '..',
  '../x',
  'a/b',
  '-rf',
  '_a',
  'a b',
  'a\n',
  'a\0',
  'ä',
  'x'.repeat(129),
];
for (const id of badIds) {
  test(`the id ${JSON.stringify(id.slice(0, 20))} is refused`, () => {
    assert.throws(() => validateId('container', id), { code: 'invalid-argument' });
  });
}

test('a refused id is shown escaped and cut', () => {
  assert.throws(
    () => validateId('pod', `\u001b[31m${'x'.repeat(10_000)}`),
    (error: Error) => error.message.length < 500 && error.message.includes('\\u001b'),
  );
});

const signals: readonly [string | number, number | undefined][] = [
  ['SIGTERM', 15],
  ['TERM', 15],
  ['term', 15],
  ['15', 15],
  [9, 9],
  [64, 64],
  ['SIGNOTHING', undefined],
  ['', undefined],
  [' ', undefined],
  [0, undefined],
  [65, undefined],
  [1.5, undefined],
  ['toString', undefined],
];
for (const [given, expected] of signals) {
  test(`the signal ${JSON.stringify(given)} is number ${expected}`, () => {
    assert.equal(signalNumber(given), expected);
  });
}

test('signal numbers have their usual names', () => {
  assert.deepEqual(
    [signalName(6), signalName(9), signalName(29), signalName(0)],
    ['SIGABRT', 'SIGKILL', 'SIGIO', undefined],
  );
});
